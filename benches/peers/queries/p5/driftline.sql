SELECT CAST(floor(ratio * 40) AS INT) AS bin, count(*) AS n
FROM predictions
WHERE model = '{model}' AND time >= '{start}' AND time < '{end}'
GROUP BY 1
ORDER BY 1
