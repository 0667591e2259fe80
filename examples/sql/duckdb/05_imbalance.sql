-- Who waits for whom: bids less asks over both, at the best level and over the best three (slices of arrays).
-- Gives a row per minute and venue: minute, venue, at_best, over_three
SELECT date_trunc('minute', timestamp_ns) AS minute, venue,
       avg((bids[2][1] - asks[2][1]) / (bids[2][1] + asks[2][1])) AS at_best,
       avg((list_sum(bids[2][1:3]) - list_sum(asks[2][1:3])) / (list_sum(bids[2][1:3]) + list_sum(asks[2][1:3]))) AS over_three
FROM equities_market_data
WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
GROUP BY ALL
ORDER BY minute, venue;
