-- How near trades came to the price bands of their moment (ASOF JOIN with the rows that have bands).
-- Gives a row per symbol: symbol, trades, nearest_to_lower, nearest_to_upper
-- Needs --extra_tables status
WITH bands AS (SELECT * FROM equities_status WHERE lower_band IS NOT NULL AND reason <> 'COLLAR')
SELECT t.symbol, count(*) AS trades, min(t.price - b.lower_band) AS nearest_to_lower, min(b.upper_band - t.price) AS nearest_to_upper
FROM equities_trades t ASOF JOIN bands b ON t.symbol = b.symbol AND t.timestamp_ns >= b.timestamp_ns
WHERE t.cond = 'T' AND t.timestamp_ns >= getvariable('start') AND t.timestamp_ns < getvariable('stop')
GROUP BY ALL
ORDER BY t.symbol;
