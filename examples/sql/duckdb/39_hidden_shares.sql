-- What no market shows: shares that were not displayed, and who made the prices, by venue.
-- Gives a row per venue and maker: venue, maker, shares, hidden_shares, hidden
-- Needs --extra_tables truth
SELECT venue, maker, sum(size) AS shares, sum(hidden_size) AS hidden_shares, sum(hidden_size) / sum(size)::DOUBLE AS hidden
FROM equities_truth
WHERE taker <> 'cross' AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
GROUP BY ALL
ORDER BY venue, maker;
