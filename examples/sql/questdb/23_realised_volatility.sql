-- Root of the sum of squared one-second log returns of the mid price, by minute, in basis points.
-- Gives a row per minute: minute, returns, volatility_bps
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH mids AS (
  SELECT timestamp_ns, (best_bid + best_ask) / 2 AS mid FROM nbbo_1s WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to),
returns AS (SELECT timestamp_ns, ln(mid / lag(mid) OVER (ORDER BY timestamp_ns)) AS r FROM mids)
SELECT timestamp_ns AS minute, count(r) AS returns, 10000 * sqrt(sum(r * r)) AS volatility_bps
FROM returns
SAMPLE BY 1m
ORDER BY minute;
