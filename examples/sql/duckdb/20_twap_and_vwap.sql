-- Average prices of the session by time and by volume; twap holds each price until the next trade.
-- Gives a row per symbol: symbol, twap, vwap, trades, shares
WITH held AS (
  SELECT symbol, price, size, epoch_ns(lead(timestamp_ns) OVER (PARTITION BY symbol ORDER BY timestamp_ns)) - epoch_ns(timestamp_ns) AS ns
  FROM equities_trades
  WHERE timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop'))
SELECT symbol, sum(price * ns) / sum(ns) AS twap, sum(price * size) / sum(size) AS vwap, count(*) AS trades, sum(size) AS shares
FROM held
GROUP BY ALL
ORDER BY symbol;
