-- Shares displayed down to each level of the newest books (array_cum_sum).
-- Gives a row per venue: venue, bid_prices, bid_depth, ask_prices, ask_depth
WITH newest AS (
  SELECT * FROM equities_market_data
  WHERE symbol = getvariable('symbol') AND timestamp_ns < getvariable('stop')
  QUALIFY row_number() OVER (PARTITION BY venue ORDER BY timestamp_ns DESC) = 1)
SELECT venue, bids[1] AS bid_prices, list_transform(range(1, len(bids[2]) + 1), lambda n: list_sum(bids[2][1:n])) AS bid_depth,
       asks[1] AS ask_prices, list_transform(range(1, len(asks[2]) + 1), lambda n: list_sum(asks[2][1:n])) AS ask_depth
FROM newest
ORDER BY venue;
