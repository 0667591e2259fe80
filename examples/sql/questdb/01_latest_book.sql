-- The newest quote of every venue in one symbol (LATEST ON).
-- Gives a row per venue: venue, timestamp_ns, bid_price, bid_size, ask_price, ask_size
DECLARE @symbol := 'AAPL'
SELECT venue, timestamp_ns, bids[1][1] AS bid_price, bids[2][1] AS bid_size, asks[1][1] AS ask_price, asks[2][1] AS ask_size
FROM equities_market_data
WHERE symbol = @symbol
LATEST ON timestamp_ns PARTITION BY venue
ORDER BY venue;
