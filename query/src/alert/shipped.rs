//! Rules that come with the database: of machines and inferences ([`SYSTEM_ALERTS`]), over the tables of [`TABLES`], and
//! of every model ([`MODEL_ALERTS`]). Each is a statement that can be read, changed and run; `action` says what to do
//! first, `action_url` where.

/// The tables that [`SYSTEM_ALERTS`] read, as they are made where there are none. One that is there already does as
/// well if it has the columns that the alerts name.
pub const TABLES: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS system_metrics (time TIMESTAMP TIME, host TEXT TAG, cpu_percent DOUBLE, \
       memory_percent DOUBLE, memory_used_gb DOUBLE, memory_total_gb DOUBLE, disk_percent DOUBLE, gpu_count BIGINT, \
       network_bytes_sent BIGINT, network_bytes_recv BIGINT, load_average DOUBLE, queue_pending BIGINT) \
       WITH (dedup = 'last')",
    "CREATE TABLE IF NOT EXISTS gpu_metrics (time TIMESTAMP TIME, host TEXT TAG, gpu_id TEXT TAG, name TEXT, \
       temperature DOUBLE, utilization_percent DOUBLE, memory_used_mb DOUBLE, memory_total_mb DOUBLE, \
       memory_percent DOUBLE, power_draw_watts DOUBLE, power_limit_watts DOUBLE) WITH (dedup = 'last')",
    "CREATE TABLE IF NOT EXISTS inferences (time TIMESTAMP TIME, model_name TEXT TAG, request_id TEXT KEY, \
       prompt_tokens BIGINT, completion_tokens BIGINT, total_tokens BIGINT, response_time_ms DOUBLE LATENCY, \
       tokens_per_second DOUBLE, queue_time_ms DOUBLE, processing_time_ms DOUBLE, success BOOLEAN, \
       error_message TEXT, temperature DOUBLE, max_tokens BIGINT, metadata JSON)",
];

/// Of machines, graphics cards and inferences. Percentages are 0 to 100, temperatures in degrees Celsius.
pub const SYSTEM_ALERTS: [&str; 7] = [
    "CREATE ALERT IF NOT EXISTS high_cpu SEVERITY medium EVERY '1 minute' BY (host)
  WHEN cpu_percent > 80 RESOLVE WHEN cpu_percent < 75 FOR 3 WINDOWS
  ANNOTATIONS (
    summary = 'CPU of {{ host }} at {{ cpu_percent }} %',
    description = 'The mean of five minutes has been above 80 % for three minutes.',
    action = 'Look which process takes it. If it is the load of requests, scale out: add a replica or lower the batch size. If it began with a new version, roll back.',
    action_url = '/alerts?name=high_cpu')
  AS SELECT host, avg(cpu_percent) AS cpu_percent FROM system_metrics
     WHERE time >= now() - INTERVAL '5 minutes' AND time < now() GROUP BY host",
    "CREATE ALERT IF NOT EXISTS high_memory SEVERITY high EVERY '1 minute' BY (host)
  WHEN memory_percent > 85 RESOLVE WHEN memory_percent < 80 FOR 3 WINDOWS
  ANNOTATIONS (
    summary = 'Memory of {{ host }} at {{ memory_percent }} %',
    description = 'The mean of five minutes has been above 85 % for three minutes; what comes next is a process that is killed.',
    action = 'Scale out or move a model to another machine. If it only ever grows, restart the server that holds it and look for what it keeps: caches, batches that wait, sessions never closed.',
    action_url = '/alerts?name=high_memory')
  AS SELECT host, avg(memory_percent) AS memory_percent FROM system_metrics
     WHERE time >= now() - INTERVAL '5 minutes' AND time < now() GROUP BY host",
    "CREATE ALERT IF NOT EXISTS slow_response SEVERITY medium EVERY '1 minute' BY (model_name)
  WHEN response_time_ms > 5000 FOR 2 WINDOWS
  ANNOTATIONS (
    summary = '{{ model_name }} answers in {{ response_time_ms }} ms (p95)',
    description = 'One in twenty answers of five minutes took longer than 5000 ms, two minutes in a row. Waiting in the queue took {{ queue_time_ms }} ms of it.',
    action = 'If the queue takes most of it, scale out. Otherwise compare with the version before: longer prompts or answers, a larger model, a slower upstream service; roll back if it began with a release.',
    action_url = '/alerts?name=slow_response')
  AS SELECT model_name, percentile(response_time_ms, 0.95) AS response_time_ms,
            percentile(queue_time_ms, 0.95) AS queue_time_ms, count(*) AS n FROM inferences
     WHERE time >= now() - INTERVAL '5 minutes' AND time < now() GROUP BY model_name",
    "CREATE ALERT IF NOT EXISTS high_error_rate SEVERITY critical EVERY '1 minute' BY (model_name)
  WHEN error_rate > 0.1 RESOLVE WHEN error_rate < 0.05
  ANNOTATIONS (
    summary = '{{ model_name }}: a share of {{ error_rate }} of {{ n }} inferences failed',
    description = 'More than 10 % of the inferences of five minutes failed. Below 20 inferences nothing is said.',
    action = 'Read the newest error_message of the model. One kind of error since a release: roll back. Time-outs and refusals of an upstream service: reduce the load or switch to the fallback.',
    action_url = '/alerts?name=high_error_rate')
  AS SELECT model_name, count(*) AS n,
            CASE WHEN count(*) >= 20 THEN avg(CASE WHEN success THEN 0.0 ELSE 1.0 END) END AS error_rate FROM inferences
     WHERE time >= now() - INTERVAL '5 minutes' AND time < now() GROUP BY model_name",
    "CREATE ALERT IF NOT EXISTS gpu_overheating SEVERITY critical EVERY '1 minute' BY (host, gpu_id)
  WHEN temperature > 85 RESOLVE WHEN temperature < 80 FOR 2 WINDOWS
  ANNOTATIONS (
    summary = 'GPU {{ gpu_id }} of {{ host }} at {{ temperature }} degrees',
    description = 'The mean of two minutes has been above 85 degrees Celsius twice in a row; the card slows itself down and may fail.',
    action = 'Move its load to another card. Look at fans, dust and the temperature of the room; lower the power limit until that is done.',
    action_url = '/alerts?name=gpu_overheating')
  AS SELECT host, gpu_id, avg(temperature) AS temperature FROM gpu_metrics
     WHERE time >= now() - INTERVAL '2 minutes' AND time < now() GROUP BY host, gpu_id",
    "CREATE ALERT IF NOT EXISTS queue_backlog SEVERITY high EVERY '1 minute' BY (host)
  WHEN pending > 100 RESOLVE WHEN pending < 50 FOR 2 WINDOWS
  ANNOTATIONS (
    summary = '{{ pending }} requests wait on {{ host }}',
    description = 'On average more than 100 requests have waited, two minutes in a row: more come than are answered.',
    action = 'Scale out: add a replica, or refuse what can come later. If no more requests come than usual, the answers have become slower: see slow_response.',
    action_url = '/alerts?name=queue_backlog')
  AS SELECT host, avg(queue_pending) AS pending FROM system_metrics
     WHERE time >= now() - INTERVAL '1 minute' AND time < now() GROUP BY host",
    "CREATE ALERT IF NOT EXISTS silent_model SEVERITY high EVERY '1 minute' BY (model)
  WHEN silent_minutes > allowed_minutes
  ANNOTATIONS (
    summary = '{{ model }} has sent nothing for {{ silent_minutes | round(0) }} minutes',
    description = 'It was silent for {{ longest_silence_minutes | round(1) }} minutes at most in the last 14 days; {{ allowed_minutes | round(0) }} are taken as usual.',
    action = 'Look whether the service behind the model runs and reaches the database. If the model is retired, DROP MODEL or silence the alert for it.',
    action_url = '/models/{{ model }}')
  AS SELECT model, silent_minutes, allowed_minutes, longest_silence_minutes FROM system.activity",
];

/// Of every model, present and future, that has the columns.
pub const MODEL_ALERTS: [&str; 4] = [
    "CREATE ALERT IF NOT EXISTS low_accuracy ON ALL MODELS METRIC accuracy < 0.85 SEVERITY high
  RESOLVE WHEN value >= 0.87
  ANNOTATIONS (
    summary = 'Accuracy of {{ model }} is {{ value }}',
    description = 'Of the {{ labels }} labelled predictions of a day (a share of {{ coverage }} of {{ rows }}) too few were right.',
    action = 'See which segment and which version it comes from. If drift_detected fires too, look at the upstream column that drifted first; if that is as it should be, retrain with the newest labels. If it began with a version, roll back.',
    action_url = '/models/{{ model }}/performance')",
    "CREATE ALERT IF NOT EXISTS high_latency ON ALL MODELS METRIC latency_p95 > '500ms' FOR 3 WINDOWS SEVERITY medium
  RESOLVE WHEN value < 450
  ANNOTATIONS (
    summary = '{{ model }} takes {{ value }} ms (p95)',
    description = 'One in twenty of the {{ rows }} predictions of five minutes took longer than 500 ms, three minutes in a row.',
    action = 'If there are more predictions than usual, scale out. Otherwise compare versions: a larger model or a slow feature lookup; roll back if it began with a release.',
    action_url = '/models/{{ model }}/latency')",
    "CREATE ALERT IF NOT EXISTS error_spike ON ALL MODELS METRIC error_rate > 0.05 SEVERITY critical
  RESOLVE WHEN value < 0.02
  ANNOTATIONS (
    summary = 'A share of {{ value }} of the predictions of {{ model }} failed',
    description = 'More than 5 % of {{ rows }} predictions of five minutes failed.',
    action = 'Roll back if a version came out just before. Otherwise read the newest errors: missing features point to an upstream column, time-outs to a service behind the model.',
    action_url = '/models/{{ model }}/errors')",
    "CREATE ALERT IF NOT EXISTS drift_detected ON ALL MODELS METRIC drift_score > 0.3 SEVERITY high
  RESOLVE WHEN value < 0.2
  ANNOTATIONS (
    summary = 'Columns of {{ model }} drifted (score {{ value }})',
    description = 'In the last hour ({{ rows }} rows) the column that drifted most was further than 0.3 from the baseline (Jensen-Shannon distance, 0 to 1). By chance a window without drift alarms once in 30 days, all columns together.',
    action = 'SELECT * FROM drift(..) WHERE drifted shows which. New categories or missing values: look at the upstream column, its source changed. If the world changed, retrain, and make a new baseline of what is usual now.',
    action_url = '/models/{{ model }}/drift')",
];

#[cfg(test)]
mod tests;
