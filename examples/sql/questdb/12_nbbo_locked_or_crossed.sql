-- How often nbbo_1s is locked or crossed, by minute: its quotes are each venue's last of a second, not of one moment.
-- Gives a row per minute: minute, seconds, locked, crossed, mean_spread
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT timestamp_ns AS minute, count() AS seconds, sum(CASE WHEN abs(spread) < 0.00001 THEN 1 ELSE 0 END) AS locked,
       sum(CASE WHEN spread <= -0.00001 THEN 1 ELSE 0 END) AS crossed, avg(spread) AS mean_spread
FROM nbbo_1s
WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to
SAMPLE BY 1m
ORDER BY minute;
