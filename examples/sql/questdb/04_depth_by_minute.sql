-- Shares displayed on both sides, all levels together, by minute and venue (array_sum).
-- Gives a row per minute and venue: minute, venue, bid_shares, ask_shares, book_rows
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT timestamp_ns AS minute, venue, avg(array_sum(bids[2])) AS bid_shares, avg(array_sum(asks[2])) AS ask_shares, count() AS book_rows
FROM equities_market_data
WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to
SAMPLE BY 1m
ORDER BY minute, venue;
