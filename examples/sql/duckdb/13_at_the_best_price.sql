-- Share of its seconds in which a venue's last quote was at the best price of the market.
-- Gives a row per venue: venue, seconds, at_best_bid, at_best_ask
WITH quotes AS (
  SELECT date_trunc('second', timestamp_ns) AS second, venue, arg_max(bids[1][1], timestamp_ns) AS bid, arg_max(asks[1][1], timestamp_ns) AS ask
  FROM equities_market_data
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
  GROUP BY ALL),
best AS (SELECT *, max(bid) OVER (PARTITION BY second) AS best_bid, min(ask) OVER (PARTITION BY second) AS best_ask FROM quotes)
SELECT venue, count(*) AS seconds, avg((bid = best_bid)::INT) AS at_best_bid, avg((ask = best_ask)::INT) AS at_best_ask
FROM best
GROUP BY ALL
ORDER BY venue;
