-- Shares displayed on both sides, all levels together, by minute and venue (array_sum).
-- Gives a row per minute and venue: minute, venue, bid_shares, ask_shares, book_rows
SELECT date_trunc('minute', timestamp_ns) AS minute, venue, avg(list_sum(bids[2])) AS bid_shares, avg(list_sum(asks[2])) AS ask_shares,
       count(*) AS book_rows
FROM equities_market_data
WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
GROUP BY ALL
ORDER BY minute, venue;
