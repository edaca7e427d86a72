SELECT date_bin(INTERVAL '1 hour', time) AS hour, hostname,
       avg(usage_user) AS usage_user, avg(usage_system) AS usage_system, avg(usage_idle) AS usage_idle,
       avg(usage_nice) AS usage_nice, avg(usage_iowait) AS usage_iowait, avg(usage_irq) AS usage_irq,
       avg(usage_softirq) AS usage_softirq, avg(usage_steal) AS usage_steal, avg(usage_guest) AS usage_guest,
       avg(usage_guest_nice) AS usage_guest_nice
FROM tsbs
WHERE time >= '{start}' AND time < '{end}'
GROUP BY 1, 2
ORDER BY 1, 2
