-- Odd lots, round lots and blocks: their number and their shares.
-- Gives a row per kind: kind, trades, shares, mean_size
SELECT CASE WHEN size < 100 THEN 'odd lot' WHEN size < 1000 THEN 'round lot' ELSE 'block' END AS kind, count(*) AS trades, sum(size) AS shares,
       avg(size) AS mean_size
FROM equities_trades
WHERE symbol = getvariable('symbol') AND cond = 'T' AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
GROUP BY ALL
ORDER BY kind;
