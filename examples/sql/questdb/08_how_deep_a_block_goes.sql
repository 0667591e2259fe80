-- The price down to which 2,000 shares would reach, and how many levels that are (insertion_point in array_cum_sum); rows with so many.
-- Gives a row per venue: venue, book_rows, levels, ticks_away
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH reached AS (
  SELECT venue, asks, insertion_point(array_cum_sum(asks[2]), 2000.0, true) AS level
  FROM equities_market_data
  WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to AND array_sum(asks[2]) >= 2000)
SELECT venue, count() AS book_rows, avg(level) AS levels, avg((asks[1][level] - asks[1][1]) / 0.01) AS ticks_away
FROM reached
ORDER BY venue;
