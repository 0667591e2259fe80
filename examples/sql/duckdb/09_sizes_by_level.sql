-- Mean shares at the first three levels, and how often the second has fewer than half of the first: where a book is thin behind its best price.
-- Gives a row per venue: venue, first_level, second_level, third_level, drops
SELECT venue, avg(bids[2][1]) AS first_level, avg(bids[2][2]) AS second_level, avg(bids[2][3]) AS third_level,
       avg(CASE WHEN bids[2][2] < bids[2][1] / 2 THEN 1.0 ELSE 0.0 END) AS drops
FROM equities_market_data
WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
GROUP BY ALL
ORDER BY venue;
