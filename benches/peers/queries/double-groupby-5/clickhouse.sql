SELECT toStartOfHour(time) AS hour, hostname,
       avg(usage_user) AS usage_user, avg(usage_system) AS usage_system, avg(usage_idle) AS usage_idle,
       avg(usage_nice) AS usage_nice, avg(usage_iowait) AS usage_iowait
FROM bench.tsbs
WHERE time >= '{start}' AND time < '{end}'
GROUP BY 1, 2
ORDER BY 1, 2
