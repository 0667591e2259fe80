-- Run this first, in the folder where a run's `out` is: the files as views named like QuestDB's tables, and what the queries ask for.
-- Views of a table that the run did not write (--extra_tables) fail when they are made: leave those out.
SET TimeZone = 'UTC';
SET VARIABLE symbol = 'AAPL';
SET VARIABLE start = TIMESTAMPTZ '2025-07-01 13:30:00+00';
SET VARIABLE stop = TIMESTAMPTZ '2025-07-01 20:00:00+00';
SET VARIABLE day = TIMESTAMPTZ '2025-07-01 08:00:00+00';
SET VARIABLE next_day = TIMESTAMPTZ '2025-07-02 00:00:00+00';
CREATE OR REPLACE VIEW equities_market_data AS SELECT * FROM read_parquet('out/equities_market_data/**/*.parquet');
CREATE OR REPLACE VIEW equities_trades AS SELECT * FROM read_parquet('out/equities_trades/**/*.parquet');
CREATE OR REPLACE VIEW equities_orders AS SELECT * FROM read_parquet('out/equities_orders/**/*.parquet');
CREATE OR REPLACE VIEW equities_truth AS SELECT * FROM read_parquet('out/equities_truth/**/*.parquet');
CREATE OR REPLACE VIEW equities_status AS SELECT * FROM read_parquet('out/equities_status/**/*.parquet');
CREATE OR REPLACE VIEW equities_imbalances AS SELECT * FROM read_parquet('out/equities_imbalances/**/*.parquet');
CREATE OR REPLACE VIEW equities_sip AS SELECT * FROM read_parquet('out/equities_sip/**/*.parquet');
