SELECT date_bin(INTERVAL '1 day', time) AS day, model,
       precision(label, score > 0.3) AS "precision", recall(label, score > 0.3) AS recall
FROM predictions
GROUP BY 1, 2
