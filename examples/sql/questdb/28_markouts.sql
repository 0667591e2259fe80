-- What a trade was worth to its taker a moment later, against the consolidated mid price, in basis points (HORIZON JOIN).
-- Gives a row per venue and horizon: venue, horizon_ms, trades, markout_bps
-- Needs --extra_tables sip
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
SELECT t.venue AS venue, h.offset / 1000000 AS horizon_ms, count() AS trades,
       avg((CASE WHEN t.side = 'B' THEN 10000.0 ELSE -10000.0 END) * ((q.bid_price + q.ask_price) / 2 / t.price - 1)) AS markout_bps
FROM equities_trades t
HORIZON JOIN equities_sip q ON (symbol) LIST (0, 100T, 1s, 5s, 30s) AS h
WHERE t.symbol = @symbol AND t.cond = 'T' AND t.timestamp_ns >= @from AND t.timestamp_ns < @to
ORDER BY venue, horizon_ms;
