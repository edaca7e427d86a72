SELECT hostname, max(time) AS newest, last_value(usage_user ORDER BY time) AS usage_user
FROM tsbs
GROUP BY hostname
