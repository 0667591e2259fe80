-- Mean shares at the first three levels, and how often the second has fewer than half of the first: where a book is thin behind its best price.
-- Gives a row per venue: venue, first_level, second_level, third_level, drops
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT venue, avg(bids[2][1]) AS first_level, avg(bids[2][2]) AS second_level, avg(bids[2][3]) AS third_level,
       avg(CASE WHEN bids[2][2] < bids[2][1] / 2 THEN 1.0 ELSE 0.0 END) AS drops
FROM equities_market_data
WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to
ORDER BY venue;
