SELECT *
FROM bench.tsbs
WHERE time IN (SELECT max(time) FROM bench.tsbs GROUP BY hostname)
  AND (hostname, time) IN (SELECT hostname, max(time) FROM bench.tsbs GROUP BY hostname)
