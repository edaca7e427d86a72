-- Who is told. The address is a secret: it comes from the environment.
CREATE NOTIFIER on_call TYPE webhook WITH (url = '${ON_CALL_URL}', allow_private = 'true');

-- Latency by minute, kept for a year.
CREATE CONTINUOUS QUERY latency_1m INTO latency_1m DELAY '10 seconds' RETENTION '365 days' AS
  SELECT date_bin(INTERVAL '1 minute', time) AS time, model, count(*) AS n, percentile(ms, 0.95) AS p95
  FROM requests GROUP BY 1, 2;

CREATE ALERT slow SEVERITY high EVERY '1 minute' BY (model) WHEN p95 > 500 RESOLVE WHEN p95 < 400 FOR 2 WINDOWS
  NOTIFY on_call
  ANNOTATIONS (summary = '{{ model }} answers in {{ p95 | round(0) }} ms', action = 'Scale out, or roll back the last release.')
  AS SELECT model, percentile(ms, 0.95) AS p95 FROM requests
     WHERE time >= now() - INTERVAL '1 minute' GROUP BY model;
