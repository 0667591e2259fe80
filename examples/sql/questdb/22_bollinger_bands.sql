-- Mean of 20 ten-second closes, and two standard deviations around it.
-- Gives a row per bar: timestamp_ns, close, middle, upper, lower
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH bars AS (
  SELECT timestamp_ns, last(price) AS close FROM equities_trades
  WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to SAMPLE BY 10s),
-- squares of closes lose the digits that differ: squares of what is over the first close do not
moved AS (SELECT timestamp_ns, close, close - first_value(close) OVER (ORDER BY timestamp_ns) AS move FROM bars),
means AS (
  SELECT timestamp_ns, close, close - move AS base, avg(move) OVER w AS mean, avg(move * move) OVER w AS mean_square
  FROM moved
  WINDOW w AS (ORDER BY timestamp_ns ROWS BETWEEN 19 PRECEDING AND CURRENT ROW))
SELECT timestamp_ns, close, base + mean AS middle, base + mean + 2 * sqrt(greatest(mean_square - mean * mean, 0.0)) AS upper,
       base + mean - 2 * sqrt(greatest(mean_square - mean * mean, 0.0)) AS lower
FROM means;
