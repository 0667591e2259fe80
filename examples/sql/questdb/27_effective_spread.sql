-- What takers paid: twice the distance of the price from the mid price of that venue's book just before (ASOF JOIN on symbol and venue).
-- Gives a row per venue: venue, trades, quoted_bps, effective_bps
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH met AS (
  SELECT t.venue AS venue, t.price AS price, t.size AS size, mid(q.bids[1][1], q.asks[1][1]) AS mid,
         spread_bps(q.bids[1][1], q.asks[1][1]) AS quoted
  FROM equities_trades t ASOF JOIN equities_market_data q ON (symbol, venue)
  WHERE t.symbol = @symbol AND t.cond = 'T' AND t.timestamp_ns >= @from AND t.timestamp_ns < @to)
SELECT venue, count() AS trades, sum(quoted * size) / sum(size) AS quoted_bps,
       sum(20000 * abs(price - mid) / mid * size) / sum(size) AS effective_bps
FROM met
WHERE mid IS NOT NULL
ORDER BY venue;
