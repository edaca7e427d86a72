SELECT hour, model, version, q[1] AS p50, q[2] AS p95, q[3] AS p99
FROM (
    SELECT date_trunc('hour', time) AS hour, model, version, approx_quantile(latency_ms, [0.5, 0.95, 0.99]) AS q
    FROM {table}
    GROUP BY ALL
)
