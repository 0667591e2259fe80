-- Shares traded at each price, in steps of five cents.
-- Gives a row per step: price_from, shares, trades
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT floor(price * 20 + 0.000001) / 20 AS price_from, sum(size) AS shares, count() AS trades
FROM equities_trades
WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to
ORDER BY price_from;
