-- Run this first, in the folder where a run's `out` is: its files as views named like QuestDB's tables, and what the queries ask for.
SET TimeZone = 'UTC';
SET VARIABLE symbol = 'AAPL';
SET VARIABLE start = TIMESTAMPTZ '2025-07-01 13:30:00+00';
SET VARIABLE stop = TIMESTAMPTZ '2025-07-01 20:00:00+00';
SET VARIABLE day = TIMESTAMPTZ '2025-07-01 08:00:00+00';
SET VARIABLE next_day = TIMESTAMPTZ '2025-07-02 00:00:00+00';
CREATE OR REPLACE VIEW equities_market_data AS SELECT * FROM read_parquet('out/equities_market_data/**/*.parquet');
CREATE OR REPLACE VIEW equities_trades AS SELECT * FROM read_parquet('out/equities_trades/**/*.parquet');
