SELECT toDate(time) AS day, model,
       countIf(score > 0.3 AND label = '1') / countIf(score > 0.3 AND label IS NOT NULL) AS precision,
       countIf(score > 0.3 AND label = '1') / countIf(label = '1') AS recall
FROM bench.predictions
GROUP BY day, model
