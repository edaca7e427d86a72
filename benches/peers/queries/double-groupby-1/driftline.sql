SELECT date_bin(INTERVAL '1 hour', time) AS hour, hostname,
       avg(usage_user) AS usage_user
FROM tsbs
WHERE time >= '{start}' AND time < '{end}'
GROUP BY 1, 2
ORDER BY 1, 2
