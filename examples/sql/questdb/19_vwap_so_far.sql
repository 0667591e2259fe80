-- The volume-weighted average price of the session so far, minute by minute (sums over a growing window).
-- Gives a row per minute: minute, close, vwap_so_far, shares_so_far
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH bars AS (
  SELECT timestamp_ns AS minute, last(price) AS close, sum(price * size) AS usd, sum(size) AS shares
  FROM equities_trades
  WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to
  SAMPLE BY 1m)
SELECT minute, close, sum(usd) OVER w / sum(shares) OVER w AS vwap_so_far, sum(shares) OVER w AS shares_so_far
FROM bars
WINDOW w AS (ORDER BY minute ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);
