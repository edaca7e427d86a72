SELECT toStartOfHour(time) AS hour, model, avg(status <> 'ok') AS error_rate
FROM bench.predictions
GROUP BY hour, model
