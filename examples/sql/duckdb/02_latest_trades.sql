-- The newest trade of every symbol and venue (LATEST ON over two columns).
-- Gives a row per symbol and venue: symbol, venue, timestamp_ns, price, size, side, cond
SELECT symbol, venue, timestamp_ns, price, size, side, cond
FROM equities_trades
WHERE timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
QUALIFY row_number() OVER (PARTITION BY symbol, venue ORDER BY timestamp_ns DESC) = 1
ORDER BY symbol, venue;
