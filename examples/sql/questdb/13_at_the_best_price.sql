-- Share of its seconds in which a venue's last quote was at the best price of the market.
-- Gives a row per venue: venue, seconds, at_best_bid, at_best_ask
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH quotes AS (SELECT * FROM top_of_book_1s WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to),
best AS (SELECT * FROM nbbo_1s WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to)
SELECT q.venue AS venue, count() AS seconds, avg(CASE WHEN q.bid_price = b.best_bid THEN 1.0 ELSE 0.0 END) AS at_best_bid,
       avg(CASE WHEN q.ask_price = b.best_ask THEN 1.0 ELSE 0.0 END) AS at_best_ask
FROM quotes q JOIN best b ON q.timestamp_ns = b.timestamp_ns
ORDER BY venue;
