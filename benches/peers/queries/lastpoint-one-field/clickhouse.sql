SELECT hostname, max(time) AS newest, argMax(usage_user, time) AS usage_user
FROM bench.tsbs
GROUP BY hostname
