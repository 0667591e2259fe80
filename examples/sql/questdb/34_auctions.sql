-- Opening, closing and reopening crosses, with their part of the symbol's volume in the day.
-- Gives a row per cross: timestamp_ns, symbol, venue, cond, price, size, of_volume
DECLARE @from := '2025-07-01T08:00:00Z', @to := '2025-07-02T00:00:00Z'
WITH day AS (
  SELECT symbol, sum(size) AS volume FROM equities_trades WHERE timestamp_ns >= @from AND timestamp_ns < @to),
crosses AS (
  SELECT timestamp_ns, symbol, venue, cond, price, size FROM equities_trades
  WHERE cond IN ('O', 'C', 'H') AND timestamp_ns >= @from AND timestamp_ns < @to)
SELECT c.timestamp_ns AS timestamp_ns, c.symbol AS symbol, c.venue AS venue, c.cond AS cond, c.price AS price, c.size AS size,
       c.size::double / d.volume AS of_volume
FROM crosses c JOIN day d ON (symbol)
ORDER BY timestamp_ns, symbol;
