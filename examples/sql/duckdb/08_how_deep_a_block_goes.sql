-- The price down to which 2,000 shares would reach, and how many levels that are (insertion_point in array_cum_sum); rows with so many.
-- Gives a row per venue: venue, book_rows, levels, ticks_away
WITH reached AS (
  SELECT venue, asks, 1 + len(list_filter(range(1, len(asks[2]) + 1), lambda n: list_sum(asks[2][1:n]) < 2000)) AS level
  FROM equities_market_data
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
    AND list_sum(asks[2]) >= 2000)
SELECT venue, count(*) AS book_rows, avg(level) AS levels, avg((asks[1][level] - asks[1][1]) / 0.01) AS ticks_away
FROM reached
GROUP BY ALL
ORDER BY venue;
