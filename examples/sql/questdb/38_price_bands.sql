-- How near trades came to the price bands of their moment (ASOF JOIN with the rows that have bands).
-- Gives a row per symbol: symbol, trades, nearest_to_lower, nearest_to_upper
-- Needs --extra_tables status
DECLARE @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH bands AS (SELECT timestamp_ns, symbol, lower_band, upper_band FROM equities_status WHERE lower_band IS NOT NULL AND reason <> 'COLLAR'),
seen AS (
  SELECT t.symbol AS symbol, t.price AS price, b.lower_band AS lower_band, b.upper_band AS upper_band
  FROM equities_trades t ASOF JOIN bands b ON (symbol)
  WHERE t.cond = 'T' AND t.timestamp_ns >= @from AND t.timestamp_ns < @to)
SELECT symbol, count() AS trades, min(price - lower_band) AS nearest_to_lower, min(upper_band - price) AS nearest_to_upper
FROM seen
WHERE lower_band IS NOT NULL
ORDER BY symbol;
