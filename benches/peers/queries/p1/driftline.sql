SELECT date_bin(INTERVAL '1 hour', time) AS hour, model, version,
       percentile(latency_ms, 0.5) AS p50, percentile(latency_ms, 0.95) AS p95, percentile(latency_ms, 0.99) AS p99
FROM predictions
GROUP BY 1, 2, 3
