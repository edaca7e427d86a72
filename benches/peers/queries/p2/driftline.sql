SELECT date_bin(INTERVAL '1 hour', time) AS hour, model, version,
       approx_percentile(latency_ms, 0.5) AS p50, approx_percentile(latency_ms, 0.95) AS p95,
       approx_percentile(latency_ms, 0.99) AS p99
FROM predictions
GROUP BY 1, 2, 3
