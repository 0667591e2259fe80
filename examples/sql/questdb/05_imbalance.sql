-- Who waits for whom: bids less asks over both, at the best level and over the best three (slices of arrays).
-- Gives a row per minute and venue: minute, venue, at_best, over_three
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT timestamp_ns AS minute, venue,
       avg((bids[2][1] - asks[2][1]) / (bids[2][1] + asks[2][1])) AS at_best,
       avg((array_sum(bids[2, 1:4]) - array_sum(asks[2, 1:4])) / (array_sum(bids[2, 1:4]) + array_sum(asks[2, 1:4]))) AS over_three
FROM equities_market_data
WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to
SAMPLE BY 1m
ORDER BY minute, venue;
