SELECT *
FROM predictions
WHERE id = '{id}'
