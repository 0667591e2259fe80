-- Relative strength index over 14 ten-second bars: mean rise against mean fall.
-- Gives a row per bar: timestamp_ns, close, rsi
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH bars AS (
  SELECT timestamp_ns, last(price) AS close FROM equities_trades
  WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to SAMPLE BY 10s),
changes AS (SELECT timestamp_ns, close, close - lag(close) OVER (ORDER BY timestamp_ns) AS change FROM bars),
means AS (
  SELECT timestamp_ns, close, avg(CASE WHEN change > 0 THEN change ELSE 0.0 END) OVER w AS rise,
         avg(CASE WHEN change < 0 THEN -change ELSE 0.0 END) OVER w AS fall
  FROM changes
  WHERE change IS NOT NULL
  WINDOW w AS (ORDER BY timestamp_ns ROWS BETWEEN 13 PRECEDING AND CURRENT ROW))
SELECT timestamp_ns, close, 100 * rise / nullif(rise + fall, 0) AS rsi
FROM means;
