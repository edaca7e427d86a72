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
),
one AS (
    SELECT hour, n,
           unnest(['amount', 'age', 'tenure', 'credit', 'velocity', 'distance', 'ratio', 'embedding_norm']) AS feature,
           unnest([amount, age, tenure, credit, velocity, distance, ratio, embedding_norm]) AS above,
           unnest([
               [{shares amount}],
               [{shares age}],
               [{shares tenure}],
               [{shares credit}],
               [{shares velocity}],
               [{shares distance}],
               [{shares ratio}],
               [{shares embedding_norm}]
           ]) AS shares
    FROM counted
)
SELECT hour, feature, psi(n, above, shares) AS psi
FROM one
