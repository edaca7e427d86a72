-- `arrived` holds the rows of the file. Its times are in nanoseconds, with which DuckDB is slower; a cast would round.
-- Texts of few values are ENUMs, sorted as texts are.
CREATE TYPE model_text AS ENUM (SELECT DISTINCT model FROM arrived WHERE model IS NOT NULL ORDER BY 1);
CREATE TYPE version_text AS ENUM (SELECT DISTINCT version FROM arrived WHERE version IS NOT NULL ORDER BY 1);
CREATE TYPE country_text AS ENUM (SELECT DISTINCT country FROM arrived WHERE country IS NOT NULL ORDER BY 1);
CREATE TYPE device_text AS ENUM (SELECT DISTINCT device FROM arrived WHERE device IS NOT NULL ORDER BY 1);
CREATE TYPE status_text AS ENUM (SELECT DISTINCT status FROM arrived WHERE status IS NOT NULL ORDER BY 1);
CREATE TYPE label_text AS ENUM (SELECT DISTINCT label FROM arrived WHERE label IS NOT NULL ORDER BY 1);
CREATE TABLE predictions_arrived AS
    SELECT * REPLACE (
        make_timestamp(epoch_ns(time) // 1000) AS time,
        model::model_text AS model, version::version_text AS version, country::country_text AS country,
        device::device_text AS device, status::status_text AS status, label::label_text AS label
    )
    FROM arrived;
CREATE TABLE predictions_sorted AS SELECT * FROM predictions_arrived ORDER BY model, version, time;
CREATE INDEX by_id ON predictions_arrived (id);
-- The PSI of counts "at or above each edge" among n, against the shares of a baseline, where an empty bin counts as 1e-4.
CREATE MACRO share(n, of) AS CASE WHEN n = 0 THEN 1e-4 ELSE n / of END;
CREATE MACRO psi(n, above, shares) AS list_sum(list_transform(
    list_zip(list_prepend(n, above), list_append(above, 0), shares),
    lambda bin: (share(bin[1] - bin[2], n) - bin[3]) * ln(share(bin[1] - bin[2], n) / bin[3])
));
CHECKPOINT;
