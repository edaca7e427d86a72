-- driftline test tests/rules
CREATE TABLE requests (time TIMESTAMP TIME, model TEXT TAG, ms DOUBLE);
ROWS requests FROM 'latency.csv';
RULES 'latency.sql';

-- One slow minute is not enough, two are.
EXPECT slow AT '2026-01-01T00:01:00Z' NOTHING;
EXPECT slow AT '2026-01-01T00:02:00Z' PENDING (model = 'fraud') VALUE 900;
EXPECT slow AT '2026-01-01T00:03:00Z' FIRING (model = 'fraud') VALUE 800;
-- It goes on until it is well below.
EXPECT slow AT '2026-01-01T00:04:00Z' FIRING (model = 'fraud');
EXPECT slow AT '2026-01-01T00:05:00Z' NOTHING;
