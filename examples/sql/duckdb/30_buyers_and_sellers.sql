-- Shares bought less shares sold by those who crossed the spread, and their share of all, by minute.
-- Gives a row per minute: minute, bought, sold, imbalance
WITH sides AS (
  SELECT date_trunc('minute', timestamp_ns) AS minute, coalesce(sum(size) FILTER (side = 'B'), 0) AS bought,
         coalesce(sum(size) FILTER (side = 'S'), 0) AS sold
  FROM equities_trades
  WHERE symbol = getvariable('symbol') AND cond = 'T' AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
  GROUP BY ALL)
SELECT minute, bought, sold, (bought - sold) / (bought + sold)::DOUBLE AS imbalance
FROM sides
ORDER BY minute;
