-- Orders entered, cancelled and filled, and orders entered per fill, by venue.
-- Gives a row per venue: venue, orders, cancels, fills, orders_per_fill
-- Needs --extra_tables orders
SELECT venue, count(*) FILTER (kind = 'ADD') AS orders, count(*) FILTER (kind = 'CANCEL') AS cancels, count(*) FILTER (kind = 'EXECUTE') AS fills,
       count(*) FILTER (kind = 'ADD') / count(*) FILTER (kind = 'EXECUTE') AS orders_per_fill
FROM equities_orders
WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
GROUP BY ALL
ORDER BY venue;
