SELECT date_trunc('minute', time) AS minute,
       max(usage_user) AS usage_user
FROM {table}
WHERE hostname IN ({hosts}) AND time >= '{start}' AND time < '{end}'
GROUP BY 1
ORDER BY 1
