WITH counted AS (
    SELECT toStartOfHour(time) AS hour, count() AS n,
           [{edges , amount: sum(amount >= @)}] AS amount,
           [{edges , age: sum(age >= @)}] AS age,
           [{edges , tenure: sum(tenure >= @)}] AS tenure,
           [{edges , credit: sum(credit >= @)}] AS credit,
           [{edges , velocity: sum(velocity >= @)}] AS velocity,
           [{edges , distance: sum(distance >= @)}] AS distance,
           [{edges , ratio: sum(ratio >= @)}] AS ratio,
           [{edges , embedding_norm: sum(embedding_norm >= @)}] AS embedding_norm
    FROM bench.predictions
    GROUP BY hour
)
SELECT hour, one.1 AS feature, one.2 AS psi
FROM counted
ARRAY JOIN [
    ('amount', psi(n, amount, [{shares amount}])),
    ('age', psi(n, age, [{shares age}])),
    ('tenure', psi(n, tenure, [{shares tenure}])),
    ('credit', psi(n, credit, [{shares credit}])),
    ('velocity', psi(n, velocity, [{shares velocity}])),
    ('distance', psi(n, distance, [{shares distance}])),
    ('ratio', psi(n, ratio, [{shares ratio}])),
    ('embedding_norm', psi(n, embedding_norm, [{shares embedding_norm}]))
] AS one
