-- What a trade was worth to its taker a moment later, against the consolidated mid price, in basis points (HORIZON JOIN).
-- Gives a row per venue and horizon: venue, horizon_ms, trades, markout_bps
-- Needs --extra_tables sip
WITH asked AS (
  SELECT t.venue, t.side, t.price, t.symbol, h.ms AS horizon_ms, epoch_ns(t.timestamp_ns) + h.ms::BIGINT * 1000000 AS ns
  FROM equities_trades t, (VALUES (0), (100), (1000), (5000), (30000)) h(ms)
  WHERE t.symbol = getvariable('symbol') AND t.cond = 'T' AND t.timestamp_ns >= getvariable('start') AND t.timestamp_ns < getvariable('stop')),
quotes AS (SELECT symbol, epoch_ns(timestamp_ns) AS ns, (bid_price + ask_price) / 2 AS mid FROM equities_sip)
SELECT a.venue, a.horizon_ms, count(*) AS trades,
       avg((CASE WHEN a.side = 'B' THEN 10000 ELSE -10000 END) * (q.mid / a.price - 1)) AS markout_bps
FROM asked a ASOF LEFT JOIN quotes q ON a.symbol = q.symbol AND a.ns >= q.ns
GROUP BY ALL
ORDER BY a.venue, a.horizon_ms;
