SELECT hostname, time, usage_user
FROM {table}
WHERE (hostname, time) IN (SELECT hostname, max(time) FROM {table} GROUP BY hostname)
