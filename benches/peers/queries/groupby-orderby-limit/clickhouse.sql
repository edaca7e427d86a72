SELECT toStartOfMinute(time) AS minute, max(usage_user) AS usage_user
FROM bench.tsbs
WHERE time < '{end}'
GROUP BY 1
ORDER BY 1 DESC
LIMIT 5
