SELECT hour, model, version, q[1] AS p50, q[2] AS p95, q[3] AS p99
FROM (
    SELECT toStartOfHour(time) AS hour, model, version, quantilesDD(0.0079, 0.5, 0.95, 0.99)(latency_ms) AS q
    FROM bench.predictions
    GROUP BY hour, model, version
)
