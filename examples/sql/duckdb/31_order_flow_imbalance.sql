-- What came to the best quotes less what left them (Cont, Kukanov and Stoikov 2014), over all venues, by ten seconds, with the change of the mid price.
-- Gives a row per ten seconds: timestamp_ns, imbalance, mid_change
WITH changes AS (
  SELECT timestamp_ns, bids[1][1] AS bid, bids[2][1] AS bid_size, asks[1][1] AS ask, asks[2][1] AS ask_size, lag(bids[1][1]) OVER w AS bid_0,
         lag(bids[2][1]) OVER w AS bid_size_0, lag(asks[1][1]) OVER w AS ask_0, lag(asks[2][1]) OVER w AS ask_size_0
  FROM equities_market_data
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
  WINDOW w AS (PARTITION BY venue ORDER BY timestamp_ns)),
flows AS (
  SELECT time_bucket(INTERVAL '10 seconds', timestamp_ns::TIMESTAMPTZ) AS bucket, epoch_ns(timestamp_ns) AS ns, (bid + ask) / 2 AS mid,
         (bid >= bid_0)::INT * bid_size - (bid <= bid_0)::INT * bid_size_0 - (ask <= ask_0)::INT * ask_size + (ask >= ask_0)::INT * ask_size_0 AS flow
  FROM changes)
SELECT bucket AS timestamp_ns, sum(flow) AS imbalance, arg_max(mid, ns) - arg_min(mid, ns) AS mid_change
FROM flows
WHERE flow IS NOT NULL
GROUP BY bucket
ORDER BY bucket;
