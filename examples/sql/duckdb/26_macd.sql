-- Moving average convergence and divergence of ten-second closes (avg with 'period' is an exponential mean; DuckDB walks the bars for it).
-- Gives a row per bar: timestamp_ns, close, macd, signal, above
WITH RECURSIVE bars AS (
  SELECT time_bucket(INTERVAL '10 seconds', timestamp_ns::TIMESTAMPTZ) AS timestamp_ns, arg_max(price, timestamp_ns) AS close
  FROM equities_trades
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
  GROUP BY 1),
numbered AS (SELECT *, row_number() OVER (ORDER BY timestamp_ns) AS n FROM bars),
walk AS (
  SELECT n, timestamp_ns, close, close AS fast, close AS slow, 0.0::DOUBLE AS signal FROM numbered WHERE n = 1
  UNION ALL
  SELECT b.n, b.timestamp_ns, b.close, w.fast + (b.close - w.fast) * 2 / 13, w.slow + (b.close - w.slow) * 2 / 27,
         w.signal + (w.fast + (b.close - w.fast) * 2 / 13 - w.slow - (b.close - w.slow) * 2 / 27 - w.signal) * 2 / 10
  FROM walk w JOIN numbered b ON b.n = w.n + 1)
SELECT timestamp_ns, close, fast - slow AS macd, signal, fast - slow - signal AS above
FROM walk
ORDER BY timestamp_ns;
