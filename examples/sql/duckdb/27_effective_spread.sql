-- What takers paid: twice the distance of the price from the mid price of that venue's book just before (ASOF JOIN on symbol and venue).
-- Gives a row per venue: venue, trades, quoted_bps, effective_bps
WITH met AS (
  SELECT t.venue, t.price, t.size, (q.bids[1][1] + q.asks[1][1]) / 2 AS mid, q.asks[1][1] - q.bids[1][1] AS spread
  FROM equities_trades t ASOF JOIN equities_market_data q
    ON t.symbol = q.symbol AND t.venue = q.venue AND t.timestamp_ns >= q.timestamp_ns
  WHERE t.symbol = getvariable('symbol') AND t.cond = 'T' AND t.timestamp_ns >= getvariable('start') AND t.timestamp_ns < getvariable('stop'))
SELECT venue, count(*) AS trades, sum(10000 * spread / mid * size) / sum(size) AS quoted_bps,
       sum(20000 * abs(price - mid) / mid * size) / sum(size) AS effective_bps
FROM met
WHERE mid IS NOT NULL
GROUP BY ALL
ORDER BY venue;
