SELECT day, model,
       sum(n) FILTER (positive AND label = '1') / sum(n) FILTER (positive) AS "precision",
       sum(n) FILTER (positive AND label = '1') / sum(n) FILTER (label = '1') AS recall
FROM (
    SELECT date_trunc('day', time) AS day, model, score > 0.3 AS positive, label, count(*) AS n
    FROM {table}
    WHERE label IS NOT NULL
    GROUP BY ALL
)
GROUP BY ALL
