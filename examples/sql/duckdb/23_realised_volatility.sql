-- Root of the sum of squared one-second log returns of the mid price, by minute, in basis points.
-- Gives a row per minute: minute, returns, volatility_bps
WITH lasts AS (
  SELECT date_trunc('second', timestamp_ns) AS second, venue, arg_max(bids[1][1], timestamp_ns) AS bid, arg_max(asks[1][1], timestamp_ns) AS ask
  FROM equities_market_data
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
  GROUP BY ALL),
mids AS (SELECT second, (max(bid) + min(ask)) / 2 AS mid FROM lasts GROUP BY second),
returns AS (SELECT second, ln(mid / lag(mid) OVER (ORDER BY second)) AS r FROM mids)
SELECT date_trunc('minute', second) AS minute, count(r) AS returns, 10000 * sqrt(sum(r * r)) AS volatility_bps
FROM returns
GROUP BY ALL
ORDER BY minute;
