SELECT hostname, max(time) AS newest,
       argMax(usage_user, time) AS usage_user, argMax(usage_system, time) AS usage_system,
       argMax(usage_idle, time) AS usage_idle, argMax(usage_nice, time) AS usage_nice,
       argMax(usage_iowait, time) AS usage_iowait, argMax(usage_irq, time) AS usage_irq,
       argMax(usage_softirq, time) AS usage_softirq, argMax(usage_steal, time) AS usage_steal,
       argMax(usage_guest, time) AS usage_guest, argMax(usage_guest_nice, time) AS usage_guest_nice
FROM bench.tsbs
GROUP BY hostname
