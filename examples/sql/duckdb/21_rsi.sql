-- Relative strength index over 14 ten-second bars: mean rise against mean fall.
-- Gives a row per bar: timestamp_ns, close, rsi
WITH bars AS (
  SELECT time_bucket(INTERVAL '10 seconds', timestamp_ns::TIMESTAMPTZ) AS timestamp_ns, arg_max(price, timestamp_ns) AS close
  FROM equities_trades
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
  GROUP BY 1),
changes AS (SELECT timestamp_ns, close, close - lag(close) OVER (ORDER BY timestamp_ns) AS change FROM bars QUALIFY change IS NOT NULL),
means AS (
  SELECT timestamp_ns, close, avg(greatest(change, 0)) OVER w AS rise, avg(greatest(-change, 0)) OVER w AS fall
  FROM changes
  WINDOW w AS (ORDER BY timestamp_ns ROWS 13 PRECEDING))
SELECT timestamp_ns, close, 100 * rise / nullif(rise + fall, 0) AS rsi
FROM means
ORDER BY timestamp_ns;
