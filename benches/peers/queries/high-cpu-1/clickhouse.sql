SELECT *
FROM bench.tsbs
WHERE usage_user > 90 AND hostname IN ({hosts}) AND time >= '{start}' AND time < '{end}'
