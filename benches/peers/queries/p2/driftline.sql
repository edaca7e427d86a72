SELECT hour, model, version, distribution_quantile(d, 0.5) AS p50, distribution_quantile(d, 0.95) AS p95,
       distribution_quantile(d, 0.99) AS p99
FROM (
    SELECT date_bin(INTERVAL '1 hour', time) AS hour, model, version, distribution(latency_ms) AS d
    FROM predictions
    GROUP BY 1, 2, 3
)
