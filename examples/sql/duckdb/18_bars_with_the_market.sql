-- The minute's bar beside the minute's range of the best quotes, from the two views on a timer.
-- Gives a row per minute: minute, close, volume, vwap, max_bid, min_ask
WITH bars AS (
  SELECT date_trunc('minute', timestamp_ns) AS minute, arg_max(price, timestamp_ns) AS close, sum(size) AS volume,
         sum(price * size) / sum(size) AS vwap
  FROM equities_trades
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
  GROUP BY ALL),
lasts AS (
  SELECT date_trunc('second', timestamp_ns) AS second, venue, arg_max(bids[1][1], timestamp_ns) AS bid, arg_max(asks[1][1], timestamp_ns) AS ask
  FROM equities_market_data
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
  GROUP BY ALL),
quotes AS (SELECT date_trunc('minute', second) AS minute, max(bid) AS max_bid, min(ask) AS min_ask FROM lasts GROUP BY ALL)
SELECT minute, close, volume, vwap, max_bid, min_ask
FROM bars JOIN quotes USING (minute)
ORDER BY minute;
