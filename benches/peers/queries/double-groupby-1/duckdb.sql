SELECT date_trunc('hour', time) AS hour, hostname,
       avg(usage_user) AS usage_user
FROM {table}
WHERE time >= '{start}' AND time < '{end}'
GROUP BY 1, 2
ORDER BY 1, 2
