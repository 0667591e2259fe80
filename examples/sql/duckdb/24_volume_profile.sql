-- Shares traded at each price, in steps of five cents.
-- Gives a row per step: price_from, shares, trades
SELECT floor(price * 20 + 0.000001) / 20 AS price_from, sum(size) AS shares, count(*) AS trades
FROM equities_trades
WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
GROUP BY ALL
ORDER BY price_from;
