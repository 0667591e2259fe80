-- Average prices of the session by time and by volume; twap holds each price until the next trade.
-- Gives a row per symbol: symbol, twap, vwap, trades, shares
DECLARE @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT symbol, twap(price, timestamp_ns) AS twap, vwap(price, size) AS vwap, count() AS trades, sum(size) AS shares
FROM equities_trades
WHERE timestamp_ns >= @from AND timestamp_ns < @to
ORDER BY symbol;
