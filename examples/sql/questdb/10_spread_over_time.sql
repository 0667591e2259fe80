-- Quoted spread in basis points, each quote weighted by how long it stood (twap of spread_bps).
-- Gives a row per venue: venue, spread_bps, book_rows
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT venue, twap(spread_bps(bids[1][1], asks[1][1]), timestamp_ns) AS spread_bps, count() AS book_rows
FROM equities_market_data
WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to
ORDER BY venue;
