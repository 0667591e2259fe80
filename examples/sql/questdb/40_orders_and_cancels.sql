-- Orders entered, cancelled and filled, and orders entered per fill, by venue.
-- Gives a row per venue: venue, orders, cancels, fills, orders_per_fill
-- Needs --extra_tables orders
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT venue, sum(CASE WHEN kind = 'ADD' THEN 1 ELSE 0 END) AS orders, sum(CASE WHEN kind = 'CANCEL' THEN 1 ELSE 0 END) AS cancels,
       sum(CASE WHEN kind = 'EXECUTE' THEN 1 ELSE 0 END) AS fills,
       sum(CASE WHEN kind = 'ADD' THEN 1.0 ELSE 0.0 END) / sum(CASE WHEN kind = 'EXECUTE' THEN 1.0 ELSE 0.0 END) AS orders_per_fill
FROM equities_orders
WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to
ORDER BY venue;
