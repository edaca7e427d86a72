SELECT date_bin(INTERVAL '1 minute', time) AS minute,
       max(usage_user) AS usage_user, max(usage_system) AS usage_system, max(usage_idle) AS usage_idle,
       max(usage_nice) AS usage_nice, max(usage_iowait) AS usage_iowait
FROM tsbs
WHERE hostname IN ({hosts}) AND time >= '{start}' AND time < '{end}'
GROUP BY 1
ORDER BY 1
