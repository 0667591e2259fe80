-- The volume-weighted average price of the session so far, minute by minute (sums over a growing window).
-- Gives a row per minute: minute, close, vwap_so_far, shares_so_far
WITH bars AS (
  SELECT date_trunc('minute', timestamp_ns) AS minute, arg_max(price, timestamp_ns) AS close, sum(price * size) AS usd, sum(size) AS shares
  FROM equities_trades
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
  GROUP BY ALL)
SELECT minute, close, sum(usd) OVER w / sum(shares) OVER w AS vwap_so_far, sum(shares) OVER w AS shares_so_far
FROM bars
WINDOW w AS (ORDER BY minute)
ORDER BY minute;
