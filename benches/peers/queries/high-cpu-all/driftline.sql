SELECT *
FROM tsbs
WHERE usage_user > 90 AND time >= '{start}' AND time < '{end}'
