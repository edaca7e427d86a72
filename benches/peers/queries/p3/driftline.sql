SELECT date_bin(INTERVAL '1 hour', time) AS hour, model, avg(CASE WHEN status <> 'ok' THEN 1.0 ELSE 0.0 END) AS error_rate
FROM predictions
GROUP BY 1, 2
