SELECT toStartOfMinute(time) AS minute,
       max(usage_user) AS usage_user
FROM bench.tsbs
WHERE hostname IN ({hosts}) AND time >= '{start}' AND time < '{end}'
GROUP BY 1
ORDER BY 1
