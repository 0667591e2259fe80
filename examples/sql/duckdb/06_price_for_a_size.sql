-- What 1,000 shares would cost if bought or sold at once, in basis points of the mid price (l2price); null where the book has fewer.
-- Gives a row per minute and venue: minute, venue, buy_bps, sell_bps
WITH books AS (
  SELECT date_trunc('minute', timestamp_ns) AS minute, timestamp_ns, venue, bids, asks, (bids[1][1] + asks[1][1]) / 2 AS mid
  FROM equities_market_data
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')),
bought AS (
  SELECT *, list_transform(range(1, len(asks[2]) + 1),
                           lambda n: least(asks[2][n], greatest(0, 1000 - coalesce(list_sum(asks[2][1:n - 1]), 0)))) AS taken,
         list_transform(range(1, len(bids[2]) + 1),
                        lambda n: least(bids[2][n], greatest(0, 1000 - coalesce(list_sum(bids[2][1:n - 1]), 0)))) AS given
  FROM books)
SELECT minute, venue,
       avg(CASE WHEN list_sum(taken) >= 1000 THEN 10000 * (list_inner_product(taken, asks[1]) / 1000 / mid - 1) END) AS buy_bps,
       avg(CASE WHEN list_sum(given) >= 1000 THEN 10000 * (1 - list_inner_product(given, bids[1]) / 1000 / mid) END) AS sell_bps
FROM bought
GROUP BY ALL
ORDER BY minute, venue;
