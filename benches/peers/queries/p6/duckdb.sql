WITH counted AS (
    SELECT date_trunc('hour', time) AS hour, count(*) AS n,
           [{edges , amount: sum((amount >= @)::INT)}] AS amount,
           [{edges , age: sum((age >= @)::INT)}] AS age,
           [{edges , tenure: sum((tenure >= @)::INT)}] AS tenure,
           [{edges , credit: sum((credit >= @)::INT)}] AS credit,
           [{edges , velocity: sum((velocity >= @)::INT)}] AS velocity,
           [{edges , distance: sum((distance >= @)::INT)}] AS distance,
           [{edges , ratio: sum((ratio >= @)::INT)}] AS ratio,
           [{edges , embedding_norm: sum((embedding_norm >= @)::INT)}] AS embedding_norm
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
