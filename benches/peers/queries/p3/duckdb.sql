SELECT date_trunc('hour', time) AS hour, model, avg((status <> 'ok')::INT) AS error_rate
FROM {table}
GROUP BY ALL
