SELECT toStartOfHour(time) AS hour,
       max(usage_user) AS usage_user, max(usage_system) AS usage_system, max(usage_idle) AS usage_idle,
       max(usage_nice) AS usage_nice, max(usage_iowait) AS usage_iowait, max(usage_irq) AS usage_irq,
       max(usage_softirq) AS usage_softirq, max(usage_steal) AS usage_steal, max(usage_guest) AS usage_guest,
       max(usage_guest_nice) AS usage_guest_nice
FROM bench.tsbs
WHERE hostname IN ({hosts}) AND time >= '{start}' AND time < '{end}'
GROUP BY 1
ORDER BY 1
