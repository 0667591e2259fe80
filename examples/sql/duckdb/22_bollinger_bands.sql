-- Mean of 20 ten-second closes, and two standard deviations around it.
-- Gives a row per bar: timestamp_ns, close, middle, upper, lower
WITH bars AS (
  SELECT time_bucket(INTERVAL '10 seconds', timestamp_ns::TIMESTAMPTZ) AS timestamp_ns, arg_max(price, timestamp_ns) AS close
  FROM equities_trades
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
  GROUP BY 1)
SELECT timestamp_ns, close, avg(close) OVER w AS middle, avg(close) OVER w + 2 * stddev_pop(close) OVER w AS upper,
       avg(close) OVER w - 2 * stddev_pop(close) OVER w AS lower
FROM bars
WINDOW w AS (ORDER BY timestamp_ns ROWS 19 PRECEDING)
ORDER BY timestamp_ns;
