-- One-minute bars with volume, VWAP and number of trades (SAMPLE BY).
-- Gives a row per minute: minute, open, high, low, close, volume, vwap, trades
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT timestamp_ns AS minute, first(price) AS open, max(price) AS high, min(price) AS low, last(price) AS close, sum(size) AS volume,
       vwap(price, size) AS vwap, count() AS trades
FROM equities_trades
WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to
SAMPLE BY 1m
ORDER BY minute;
