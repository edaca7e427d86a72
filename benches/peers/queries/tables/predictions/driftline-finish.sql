CREATE BASELINE first_days FOR MODEL predictions AS SELECT * FROM predictions WHERE time < '2026-01-03';
