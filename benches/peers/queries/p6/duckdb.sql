WITH counted AS (
    SELECT date_trunc('hour', time) AS hour, count(*) AS n,
           [{edges , amount: countif(amount >= @)}] AS amount,
           [{edges , age: countif(age >= @)}] AS age,
           [{edges , tenure: countif(tenure >= @)}] AS tenure,
           [{edges , credit: countif(credit >= @)}] AS credit,
           [{edges , velocity: countif(velocity >= @)}] AS velocity,
           [{edges , distance: countif(distance >= @)}] AS distance,
           [{edges , ratio: countif(ratio >= @)}] AS ratio,
           [{edges , embedding_norm: countif(embedding_norm >= @)}] AS embedding_norm
    FROM {table}
    GROUP BY 1
)
SELECT hour, unnest(['amount', 'age', 'tenure', 'credit', 'velocity', 'distance', 'ratio', 'embedding_norm']) AS feature,
       unnest([
           psi(n, amount, [{shares amount}]),
           psi(n, age, [{shares age}]),
           psi(n, tenure, [{shares tenure}]),
           psi(n, credit, [{shares credit}]),
           psi(n, velocity, [{shares velocity}]),
           psi(n, distance, [{shares distance}]),
           psi(n, ratio, [{shares ratio}]),
           psi(n, embedding_norm, [{shares embedding_norm}])
       ]) AS psi
FROM counted
