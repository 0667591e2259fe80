-- The minute's bar beside the minute's range of the best quotes, from the two views on a timer.
-- Gives a row per minute: minute, close, volume, vwap, max_bid, min_ask
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH bars AS (SELECT * FROM trades_ohlcv_1m WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to),
quotes AS (SELECT * FROM nbbo_1m WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to)
SELECT b.timestamp_ns AS minute, b.close AS close, b.volume AS volume, b.vwap AS vwap, q.max_bid AS max_bid, q.min_ask AS min_ask
FROM bars b JOIN quotes q ON b.timestamp_ns = q.timestamp_ns
ORDER BY minute;
