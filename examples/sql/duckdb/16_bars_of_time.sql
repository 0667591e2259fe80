-- One-minute bars with volume, VWAP and number of trades (SAMPLE BY).
-- Gives a row per minute: minute, open, high, low, close, volume, vwap, trades
SELECT date_trunc('minute', timestamp_ns) AS minute, arg_min(price, timestamp_ns) AS open, max(price) AS high, min(price) AS low,
       arg_max(price, timestamp_ns) AS close, sum(size) AS volume, sum(price * size) / sum(size) AS vwap, count(*) AS trades
FROM equities_trades
WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
GROUP BY ALL
ORDER BY minute;
