-- Shares displayed within 0.05 % of the best price (1 % is more than ten levels reach), by minute and venue (insertion_point finds the last level, array_sum adds).
-- Gives a row per minute and venue: minute, venue, bid_shares, ask_shares
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z', @share := 0.0005
SELECT timestamp_ns AS minute, venue,
       avg(array_sum(bids[2, 1:insertion_point(bids[1], bids[1][1] * (1 - @share))])) AS bid_shares,
       avg(array_sum(asks[2, 1:insertion_point(asks[1], asks[1][1] * (1 + @share))])) AS ask_shares
FROM equities_market_data
WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to
SAMPLE BY 1m
ORDER BY minute, venue;
