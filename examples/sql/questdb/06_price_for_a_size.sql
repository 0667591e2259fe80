-- What 1,000 shares would cost if bought or sold at once, in basis points of the mid price (l2price); null where the book has fewer.
-- Gives a row per minute and venue: minute, venue, buy_bps, sell_bps
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT timestamp_ns AS minute, venue,
       avg(10000 * (l2price(1000, asks[2], asks[1]) / mid(bids[1][1], asks[1][1]) - 1)) AS buy_bps,
       avg(10000 * (1 - l2price(1000, bids[2], bids[1]) / mid(bids[1][1], asks[1][1]))) AS sell_bps
FROM equities_market_data
WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to
SAMPLE BY 1m
ORDER BY minute, venue;
