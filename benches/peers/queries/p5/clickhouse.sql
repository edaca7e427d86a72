SELECT toInt32(floor(ratio * 40)) AS bin, count() AS n
FROM bench.predictions
WHERE model = '{model}' AND time >= '{start}' AND time < '{end}'
GROUP BY 1
ORDER BY 1
