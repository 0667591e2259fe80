-- Changes of the consolidated quote in the tenth of a second before and after each trade, and the mean mid price in it (WINDOW JOIN).
-- Gives a row per trade: timestamp_ns, venue, price, quotes, mean_mid
-- Needs --extra_tables sip
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT t.timestamp_ns AS timestamp_ns, t.venue AS venue, t.price AS price, count(q.bid_price) AS quotes,
       avg((q.bid_price + q.ask_price) / 2) AS mean_mid
FROM equities_trades t
WINDOW JOIN equities_sip q ON (t.symbol = q.symbol) RANGE BETWEEN 100 milliseconds PRECEDING AND 100 milliseconds FOLLOWING EXCLUDE PREVAILING
WHERE t.symbol = @symbol AND t.cond = 'T' AND t.timestamp_ns >= @from AND t.timestamp_ns < @to
ORDER BY timestamp_ns, venue;
