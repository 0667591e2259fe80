-- Correlation of ten-second returns of the mid price between symbols.
-- Gives a row per pair: one, other, returns, correlation
DECLARE @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH mids AS (
  SELECT timestamp_ns, symbol, last((best_bid + best_ask) / 2) AS mid FROM nbbo_1s
  WHERE timestamp_ns >= @from AND timestamp_ns < @to SAMPLE BY 10s),
returns AS (SELECT timestamp_ns, symbol, ln(mid / lag(mid) OVER (PARTITION BY symbol ORDER BY timestamp_ns)) AS r FROM mids),
pairs AS (
  SELECT a.symbol AS one, b.symbol AS other, a.r AS r_one, b.r AS r_other
  FROM returns a JOIN returns b ON a.timestamp_ns = b.timestamp_ns
  WHERE a.symbol < b.symbol AND a.r IS NOT NULL AND b.r IS NOT NULL)
SELECT one, other, count() AS returns, corr(r_one, r_other) AS correlation
FROM pairs
ORDER BY one, other;
