-- Odd lots, round lots and blocks: their number and their shares.
-- Gives a row per kind: kind, trades, shares, mean_size
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT CASE WHEN size < 100 THEN 'odd lot' WHEN size < 1000 THEN 'round lot' ELSE 'block' END AS kind, count() AS trades, sum(size) AS shares,
       avg(size) AS mean_size
FROM equities_trades
WHERE symbol = @symbol AND cond = 'T' AND timestamp_ns >= @from AND timestamp_ns < @to
ORDER BY kind;
