-- Quoted spread in basis points, each quote weighted by how long it stood (twap of spread_bps).
-- Gives a row per venue: venue, spread_bps, book_rows
WITH stood AS (
  SELECT venue, 20000 * (asks[1][1] - bids[1][1]) / (asks[1][1] + bids[1][1]) AS bps,
         epoch_ns(lead(timestamp_ns) OVER (PARTITION BY venue ORDER BY timestamp_ns)) - epoch_ns(timestamp_ns) AS ns
  FROM equities_market_data
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop'))
SELECT venue, sum(bps * ns) / sum(ns) AS spread_bps, count(*) AS book_rows
FROM stood
GROUP BY ALL
ORDER BY venue;
