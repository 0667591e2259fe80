-- The best bid and offer of the market as they stood at each second, by ASOF JOIN over the venues' books (nbbo_1s takes quotes that did not stand together).
-- Gives a row per second: timestamp_ns, best_bid, best_ask
WITH seconds AS (
  SELECT DISTINCT date_trunc('second', timestamp_ns) AS timestamp_ns FROM equities_market_data
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')),
wanted AS (SELECT s.timestamp_ns, v.venue FROM seconds s, (SELECT DISTINCT venue FROM equities_market_data) v),
quotes AS (
  SELECT timestamp_ns, venue, bids[1][1] AS bid, asks[1][1] AS ask FROM equities_market_data WHERE symbol = getvariable('symbol'))
SELECT w.timestamp_ns, max(q.bid) AS best_bid, min(q.ask) AS best_ask
FROM wanted w ASOF LEFT JOIN quotes q ON w.venue = q.venue AND w.timestamp_ns >= q.timestamp_ns
GROUP BY ALL
ORDER BY w.timestamp_ns;
