-- Volume-synchronised probability of informed trading: imbalance of sides in buckets of 5,000 shares, and its mean over ten buckets.
-- Gives a row per bucket: bucket, ended, shares, imbalance, vpin
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH numbered AS (
  SELECT timestamp_ns, size, side, sum(size) OVER (ORDER BY timestamp_ns ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - size AS traded
  FROM equities_trades
  WHERE symbol = @symbol AND cond = 'T' AND timestamp_ns >= @from AND timestamp_ns < @to),
buckets AS (
  SELECT floor(traded / 5000.0)::long AS bucket, max(timestamp_ns) AS ended, sum(size) AS shares,
         abs(sum(CASE WHEN side = 'B' THEN size ELSE -size END))::double / sum(size) AS imbalance
  FROM numbered)
SELECT bucket, ended, shares, imbalance, avg(imbalance) OVER (ORDER BY bucket ROWS BETWEEN 9 PRECEDING AND CURRENT ROW) AS vpin
FROM buckets
ORDER BY bucket;
