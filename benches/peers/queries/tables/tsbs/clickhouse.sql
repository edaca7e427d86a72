CREATE TABLE bench.tsbs (
    time DateTime('UTC'),
    hostname LowCardinality(String),
    region LowCardinality(String),
    datacenter LowCardinality(String),
    rack LowCardinality(String),
    os LowCardinality(String),
    arch LowCardinality(String),
    team LowCardinality(String),
    service LowCardinality(String),
    service_version LowCardinality(String),
    service_environment LowCardinality(String),
    usage_user Int64,
    usage_system Int64,
    usage_idle Int64,
    usage_nice Int64,
    usage_iowait Int64,
    usage_irq Int64,
    usage_softirq Int64,
    usage_steal Int64,
    usage_guest Int64,
    usage_guest_nice Int64
)
ENGINE = MergeTree
ORDER BY (hostname, time);
