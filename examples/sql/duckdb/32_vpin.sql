-- Volume-synchronised probability of informed trading: imbalance of sides in buckets of 5,000 shares, and its mean over ten buckets.
-- Gives a row per bucket: bucket, ended, shares, imbalance, vpin
WITH numbered AS (
  SELECT timestamp_ns, size, CASE WHEN side = 'B' THEN size ELSE -size END AS signed, sum(size) OVER (ORDER BY timestamp_ns) - size AS traded
  FROM equities_trades
  WHERE symbol = getvariable('symbol') AND cond = 'T' AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')),
buckets AS (
  SELECT (traded // 5000)::BIGINT AS bucket, max(timestamp_ns) AS ended, sum(size) AS shares, abs(sum(signed)) / sum(size)::DOUBLE AS imbalance
  FROM numbered
  GROUP BY 1)
SELECT bucket, ended, shares, imbalance, avg(imbalance) OVER (ORDER BY bucket ROWS 9 PRECEDING) AS vpin
FROM buckets
ORDER BY bucket;
