SELECT *
FROM bench.predictions
WHERE id = '{id}'
