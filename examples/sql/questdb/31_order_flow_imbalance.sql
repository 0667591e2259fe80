-- What came to the best quotes less what left them (Cont, Kukanov and Stoikov 2014), over all venues, by ten seconds, with the change of the mid price.
-- Gives a row per ten seconds: timestamp_ns, imbalance, mid_change
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH quotes AS (
  SELECT timestamp_ns, venue, bids[1][1] AS bid, bids[2][1] AS bid_size, asks[1][1] AS ask, asks[2][1] AS ask_size
  FROM equities_market_data
  WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to),
changes AS (
  SELECT timestamp_ns, bid, bid_size, ask, ask_size, lag(bid) OVER w AS bid_0, lag(bid_size) OVER w AS bid_size_0, lag(ask) OVER w AS ask_0,
         lag(ask_size) OVER w AS ask_size_0
  FROM quotes
  WINDOW w AS (PARTITION BY venue ORDER BY timestamp_ns)),
flows AS (
  SELECT timestamp_ns, (bid + ask) / 2 AS mid,
         (CASE WHEN bid >= bid_0 THEN bid_size ELSE 0.0 END) - (CASE WHEN bid <= bid_0 THEN bid_size_0 ELSE 0.0 END)
         - (CASE WHEN ask <= ask_0 THEN ask_size ELSE 0.0 END) + (CASE WHEN ask >= ask_0 THEN ask_size_0 ELSE 0.0 END) AS flow
  FROM changes
  WHERE bid_0 IS NOT NULL AND ask_0 IS NOT NULL AND bid IS NOT NULL AND ask IS NOT NULL)
SELECT timestamp_ns, sum(flow) AS imbalance, last(mid) - first(mid) AS mid_change
FROM flows
SAMPLE BY 10s
ORDER BY timestamp_ns;
