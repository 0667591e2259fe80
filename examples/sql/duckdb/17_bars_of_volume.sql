-- A bar per 10,000 shares traded, however long that took (a running sum numbers the bars).
-- Gives a row per bar: bar, began, ended, open, high, low, close, volume
WITH numbered AS (
  SELECT timestamp_ns, price, size, sum(size) OVER (ORDER BY timestamp_ns ROWS UNBOUNDED PRECEDING) - size AS traded
  FROM equities_trades
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop'))
SELECT (traded // 10000)::BIGINT AS bar, min(timestamp_ns) AS began, max(timestamp_ns) AS ended, arg_min(price, timestamp_ns) AS open,
       max(price) AS high, min(price) AS low, arg_max(price, timestamp_ns) AS close, sum(size) AS volume
FROM numbered
GROUP BY ALL
ORDER BY bar;
