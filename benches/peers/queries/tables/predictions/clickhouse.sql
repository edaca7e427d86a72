CREATE TABLE bench.predictions (
    time DateTime64(9, 'UTC'),
    model LowCardinality(String),
    version LowCardinality(String),
    id String,
    amount Float64,
    age Int64,
    tenure Int64,
    credit Int64,
    velocity Int64,
    distance Float64,
    ratio Float64,
    embedding_norm Float64,
    country LowCardinality(String),
    device LowCardinality(String),
    score Float64,
    latency_ms Float64,
    status LowCardinality(String),
    label LowCardinality(Nullable(String)),
    PROJECTION by_id (SELECT id, _part_offset ORDER BY id)
)
ENGINE = MergeTree
ORDER BY (model, version, time);
-- The PSI of counts "at or above each edge" among n, against the shares of a baseline, where an empty bin counts as 1e-4.
CREATE FUNCTION IF NOT EXISTS share AS (n, of) -> if(n = 0, 1e-4, n / of);
CREATE FUNCTION IF NOT EXISTS psi AS (n, above, shares) -> arraySum(
    (more, less, q) -> (share(more - less, n) - q) * log(share(more - less, n) / q),
    arrayPushFront(above, n), arrayPushBack(above, 0), shares
);
