SELECT *
FROM bench.tsbs
WHERE (hostname, time) IN (SELECT hostname, max(time) FROM bench.tsbs GROUP BY hostname)
