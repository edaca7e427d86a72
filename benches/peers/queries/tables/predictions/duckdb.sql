-- `arrived` holds the rows of the file. Its times are in nanoseconds, with which DuckDB is slower. A cast would round.
CREATE TABLE predictions_arrived AS SELECT * REPLACE (make_timestamp(epoch_ns(time) // 1000) AS time) FROM arrived;
CREATE TABLE predictions_sorted AS SELECT * FROM predictions_arrived ORDER BY model, version, time;
-- The PSI of counts "at or above each edge" among n, against the shares of a baseline, where an empty bin counts as 1e-4.
CREATE MACRO share(n, of) AS CASE WHEN n = 0 THEN 1e-4 ELSE n / of END;
CREATE MACRO psi(n, above, shares) AS list_sum(list_transform(
    list_zip(list_prepend(n, above), list_append(above, 0), shares),
    lambda bin: (share(bin[1] - bin[2], n) - bin[3]) * ln(share(bin[1] - bin[2], n) / bin[3])
));
CHECKPOINT;
