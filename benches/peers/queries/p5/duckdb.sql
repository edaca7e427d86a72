SELECT floor(ratio * 40)::INT AS bin, count(*) AS n
FROM {table}
WHERE model = '{model}' AND time >= '{start}' AND time < '{end}'
GROUP BY 1
ORDER BY 1
