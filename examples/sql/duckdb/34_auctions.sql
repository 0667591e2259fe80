-- Opening, closing and reopening crosses, with their part of the symbol's volume in the day.
-- Gives a row per cross: timestamp_ns, symbol, venue, cond, price, size, of_volume
SELECT timestamp_ns, symbol, venue, cond, price, size, size / sum(size) OVER (PARTITION BY symbol)::DOUBLE AS of_volume
FROM equities_trades
WHERE timestamp_ns >= getvariable('day') AND timestamp_ns < getvariable('next_day')
QUALIFY cond IN ('O', 'C', 'H')
ORDER BY timestamp_ns, symbol;
