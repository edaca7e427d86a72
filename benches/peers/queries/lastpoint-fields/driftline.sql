SELECT hostname, max(time) AS newest,
       last_value(usage_user ORDER BY time) AS usage_user, last_value(usage_system ORDER BY time) AS usage_system,
       last_value(usage_idle ORDER BY time) AS usage_idle, last_value(usage_nice ORDER BY time) AS usage_nice,
       last_value(usage_iowait ORDER BY time) AS usage_iowait, last_value(usage_irq ORDER BY time) AS usage_irq,
       last_value(usage_softirq ORDER BY time) AS usage_softirq,
       last_value(usage_steal ORDER BY time) AS usage_steal, last_value(usage_guest ORDER BY time) AS usage_guest,
       last_value(usage_guest_nice ORDER BY time) AS usage_guest_nice
FROM tsbs
GROUP BY hostname
