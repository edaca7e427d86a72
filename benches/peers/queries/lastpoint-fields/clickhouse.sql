SELECT hostname, time, usage_user, usage_system, usage_idle, usage_nice, usage_iowait, usage_irq, usage_softirq,
       usage_steal, usage_guest, usage_guest_nice
FROM bench.tsbs
WHERE time IN (SELECT max(time) FROM bench.tsbs GROUP BY hostname)
  AND (hostname, time) IN (SELECT hostname, max(time) FROM bench.tsbs GROUP BY hostname)
