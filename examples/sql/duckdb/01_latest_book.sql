-- The newest quote of every venue in one symbol (LATEST ON).
-- Gives a row per venue: venue, timestamp_ns, bid_price, bid_size, ask_price, ask_size
SELECT venue, timestamp_ns, bids[1][1] AS bid_price, bids[2][1] AS bid_size, asks[1][1] AS ask_price, asks[2][1] AS ask_size
FROM equities_market_data
WHERE symbol = getvariable('symbol')
QUALIFY row_number() OVER (PARTITION BY venue ORDER BY timestamp_ns DESC) = 1
ORDER BY venue;
