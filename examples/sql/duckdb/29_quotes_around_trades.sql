-- Changes of the consolidated quote in the tenth of a second before and after each trade, and the mean mid price in it (WINDOW JOIN).
-- Gives a row per trade: timestamp_ns, venue, price, quotes, mean_mid
-- Needs --extra_tables sip
WITH trades AS (
  SELECT *, epoch_ns(timestamp_ns) AS ns FROM equities_trades
  WHERE symbol = getvariable('symbol') AND cond = 'T' AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')),
quotes AS (
  SELECT epoch_ns(timestamp_ns) AS ns, bid_price, (bid_price + ask_price) / 2 AS mid FROM equities_sip WHERE symbol = getvariable('symbol'))
SELECT t.timestamp_ns, t.venue, t.price, count(q.bid_price) AS quotes, avg(q.mid) AS mean_mid
FROM trades t LEFT JOIN quotes q ON q.ns BETWEEN t.ns - 100000000 AND t.ns + 100000000
GROUP BY ALL
ORDER BY t.timestamp_ns, t.venue;
