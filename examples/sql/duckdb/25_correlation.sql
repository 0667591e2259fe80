-- Correlation of ten-second returns of the mid price between symbols.
-- Gives a row per pair: one, other, returns, correlation
WITH lasts AS (
  SELECT date_trunc('second', timestamp_ns) AS second, symbol, venue, arg_max(bids[1][1], timestamp_ns) AS bid,
         arg_max(asks[1][1], timestamp_ns) AS ask
  FROM equities_market_data
  WHERE timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
  GROUP BY ALL),
seconds AS (SELECT second::TIMESTAMPTZ AS second, symbol, (max(bid) + min(ask)) / 2 AS mid FROM lasts GROUP BY ALL),
mids AS (SELECT time_bucket(INTERVAL '10 seconds', second) AS bucket, symbol, arg_max(mid, second) AS mid FROM seconds GROUP BY ALL),
returns AS (SELECT bucket, symbol, ln(mid / lag(mid) OVER (PARTITION BY symbol ORDER BY bucket)) AS r FROM mids QUALIFY r IS NOT NULL)
SELECT a.symbol AS one, b.symbol AS other, count(*) AS returns, corr(a.r, b.r) AS correlation
FROM returns a JOIN returns b ON a.bucket = b.bucket AND a.symbol < b.symbol
GROUP BY ALL
ORDER BY one, other;
