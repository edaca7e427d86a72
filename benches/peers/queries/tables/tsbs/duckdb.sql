-- `arrived` holds the rows of the file. Its times are in nanoseconds, with which DuckDB is slower. A cast would round.
CREATE TABLE tsbs_arrived AS SELECT * REPLACE (make_timestamp(epoch_ns(time) // 1000) AS time) FROM arrived;
CREATE TABLE tsbs_sorted AS SELECT * FROM tsbs_arrived ORDER BY hostname, time;
CHECKPOINT;
