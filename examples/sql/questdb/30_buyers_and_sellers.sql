-- Shares bought less shares sold by those who crossed the spread, and their share of all, by minute.
-- Gives a row per minute: minute, bought, sold, imbalance
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT timestamp_ns AS minute, sum(CASE WHEN side = 'B' THEN size ELSE 0 END) AS bought, sum(CASE WHEN side = 'S' THEN size ELSE 0 END) AS sold,
       sum(CASE WHEN side = 'B' THEN size ELSE -size END)::double / sum(size) AS imbalance
FROM equities_trades
WHERE symbol = @symbol AND cond = 'T' AND timestamp_ns >= @from AND timestamp_ns < @to
SAMPLE BY 1m
ORDER BY minute;
