-- And this for a run with --extra_tables orders,truth,status,imbalances,sip; leave out the lines of those that it has not.
CREATE OR REPLACE VIEW equities_orders AS SELECT * FROM read_parquet('out/equities_orders/**/*.parquet');
CREATE OR REPLACE VIEW equities_truth AS SELECT * FROM read_parquet('out/equities_truth/**/*.parquet');
CREATE OR REPLACE VIEW equities_status AS SELECT * FROM read_parquet('out/equities_status/**/*.parquet');
CREATE OR REPLACE VIEW equities_imbalances AS SELECT * FROM read_parquet('out/equities_imbalances/**/*.parquet');
CREATE OR REPLACE VIEW equities_sip AS SELECT * FROM read_parquet('out/equities_sip/**/*.parquet');
