-- A bar per 10,000 shares traded, however long that took (a running sum numbers the bars).
-- Gives a row per bar: bar, began, ended, open, high, low, close, volume
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH numbered AS (
  SELECT timestamp_ns, price, size, sum(size) OVER (ORDER BY timestamp_ns ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - size AS traded
  FROM equities_trades
  WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to)
SELECT floor(traded / 10000.0)::long AS bar, min(timestamp_ns) AS began, max(timestamp_ns) AS ended, first(price) AS open, max(price) AS high,
       min(price) AS low, last(price) AS close, sum(size) AS volume
FROM numbered
ORDER BY bar;
