SELECT hostname, time, usage_user, usage_system, usage_idle, usage_nice, usage_iowait, usage_irq, usage_softirq,
       usage_steal, usage_guest, usage_guest_nice
FROM {table}
WHERE (hostname, time) IN (SELECT hostname, max(time) FROM {table} GROUP BY hostname)
