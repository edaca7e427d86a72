SELECT *
FROM bench.tsbs
WHERE usage_user > 90 AND time >= '{start}' AND time < '{end}'
