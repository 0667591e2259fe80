-- The newest trade of every symbol and venue (LATEST ON over two columns).
-- Gives a row per symbol and venue: symbol, venue, timestamp_ns, price, size, side, cond
DECLARE @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT symbol, venue, timestamp_ns, price, size, side, cond
FROM equities_trades
WHERE timestamp_ns >= @from AND timestamp_ns < @to
LATEST ON timestamp_ns PARTITION BY symbol, venue
ORDER BY symbol, venue;
