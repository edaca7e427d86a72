SELECT DISTINCT ON (hostname) *
FROM tsbs
ORDER BY hostname, time DESC
