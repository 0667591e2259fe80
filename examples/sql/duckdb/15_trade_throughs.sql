-- Trades at prices outside of the consolidated quote of their moment (ASOF JOIN).
-- Gives a row per symbol and venue: symbol, venue, trades, through, through_shares
-- Needs --extra_tables sip
SELECT t.symbol, t.venue, count(*) AS trades, count(*) FILTER (t.price NOT BETWEEN q.bid_price AND q.ask_price) AS through,
       coalesce(sum(t.size) FILTER (t.price NOT BETWEEN q.bid_price AND q.ask_price), 0) AS through_shares
FROM equities_trades t ASOF LEFT JOIN equities_sip q ON t.symbol = q.symbol AND t.timestamp_ns >= q.timestamp_ns
WHERE t.cond = 'T' AND t.timestamp_ns >= getvariable('start') AND t.timestamp_ns < getvariable('stop')
GROUP BY ALL
ORDER BY t.symbol, t.venue;
