-- What no market shows: shares that were not displayed, and who made the prices, by venue.
-- Gives a row per venue and maker: venue, maker, shares, hidden_shares, hidden
-- Needs --extra_tables truth
DECLARE @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT venue, maker, sum(size) AS shares, sum(hidden_size) AS hidden_shares, sum(hidden_size)::double / sum(size) AS hidden
FROM equities_truth
WHERE taker <> 'cross' AND timestamp_ns >= @from AND timestamp_ns < @to
ORDER BY venue, maker;
