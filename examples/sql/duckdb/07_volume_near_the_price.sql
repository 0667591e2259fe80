-- Shares displayed within 0.05 % of the best price (1 % is more than ten levels reach), by minute and venue (insertion_point finds the last level, array_sum adds).
-- Gives a row per minute and venue: minute, venue, bid_shares, ask_shares
SELECT date_trunc('minute', timestamp_ns) AS minute, venue,
       avg(list_sum(list_transform(range(1, len(bids[1]) + 1), lambda n: CASE WHEN bids[1][n] >= bids[1][1] * (1 - 0.0005) THEN bids[2][n] ELSE 0 END)))
         AS bid_shares,
       avg(list_sum(list_transform(range(1, len(asks[1]) + 1), lambda n: CASE WHEN asks[1][n] <= asks[1][1] * (1 + 0.0005) THEN asks[2][n] ELSE 0 END)))
         AS ask_shares
FROM equities_market_data
WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
GROUP BY ALL
ORDER BY minute, venue;
