-- Moving average convergence and divergence of ten-second closes (avg with 'period' is an exponential mean; DuckDB walks the bars for it).
-- Gives a row per bar: timestamp_ns, close, macd, signal, above
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH bars AS (
  SELECT timestamp_ns, last(price) AS close FROM equities_trades
  WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to SAMPLE BY 10s),
smooth AS (
  SELECT timestamp_ns, close, avg(close, 'period', 12) OVER (ORDER BY timestamp_ns) AS fast,
         avg(close, 'period', 26) OVER (ORDER BY timestamp_ns) AS slow
  FROM bars),
lines AS (SELECT timestamp_ns, close, fast - slow AS macd FROM smooth),
signals AS (SELECT timestamp_ns, close, macd, avg(macd, 'period', 9) OVER (ORDER BY timestamp_ns) AS signal FROM lines)
SELECT timestamp_ns, close, macd, signal, macd - signal AS above
FROM signals;
