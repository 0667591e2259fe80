-- Shares displayed down to each level of the newest books (array_cum_sum).
-- Gives a row per venue: venue, bid_prices, bid_depth, ask_prices, ask_depth
DECLARE @symbol := 'AAPL', @to := '2025-07-01T20:00:00Z'
SELECT venue, bids[1] AS bid_prices, array_cum_sum(bids[2]) AS bid_depth, asks[1] AS ask_prices, array_cum_sum(asks[2]) AS ask_depth
FROM equities_market_data
WHERE symbol = @symbol AND timestamp_ns < @to
LATEST ON timestamp_ns PARTITION BY venue
ORDER BY venue;
