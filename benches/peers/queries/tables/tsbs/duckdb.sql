-- `arrived` holds the rows of the file. Its times are in nanoseconds, with which DuckDB is slower; a cast would round.
-- Texts of few values are ENUMs, sorted as texts are.
CREATE TYPE hostname_text AS ENUM (SELECT DISTINCT hostname FROM arrived WHERE hostname IS NOT NULL ORDER BY 1);
CREATE TYPE region_text AS ENUM (SELECT DISTINCT region FROM arrived WHERE region IS NOT NULL ORDER BY 1);
CREATE TYPE datacenter_text AS ENUM (SELECT DISTINCT datacenter FROM arrived WHERE datacenter IS NOT NULL ORDER BY 1);
CREATE TYPE rack_text AS ENUM (SELECT DISTINCT rack FROM arrived WHERE rack IS NOT NULL ORDER BY 1);
CREATE TYPE os_text AS ENUM (SELECT DISTINCT os FROM arrived WHERE os IS NOT NULL ORDER BY 1);
CREATE TYPE arch_text AS ENUM (SELECT DISTINCT arch FROM arrived WHERE arch IS NOT NULL ORDER BY 1);
CREATE TYPE team_text AS ENUM (SELECT DISTINCT team FROM arrived WHERE team IS NOT NULL ORDER BY 1);
CREATE TYPE service_text AS ENUM (SELECT DISTINCT service FROM arrived WHERE service IS NOT NULL ORDER BY 1);
CREATE TYPE service_version_text AS ENUM (SELECT DISTINCT service_version FROM arrived WHERE service_version IS NOT NULL ORDER BY 1);
CREATE TYPE service_environment_text AS ENUM (SELECT DISTINCT service_environment FROM arrived WHERE service_environment IS NOT NULL ORDER BY 1);
CREATE TABLE tsbs_arrived AS
    SELECT * REPLACE (
        make_timestamp(epoch_ns(time) // 1000) AS time,
        hostname::hostname_text AS hostname, region::region_text AS region,
        datacenter::datacenter_text AS datacenter, rack::rack_text AS rack, os::os_text AS os,
        arch::arch_text AS arch, team::team_text AS team, service::service_text AS service,
        service_version::service_version_text AS service_version,
        service_environment::service_environment_text AS service_environment
    )
    FROM arrived;
CREATE TABLE tsbs_sorted AS SELECT * FROM tsbs_arrived ORDER BY hostname, time;
CHECKPOINT;
