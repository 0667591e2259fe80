-- Trades at prices outside of the consolidated quote of their moment (ASOF JOIN).
-- Gives a row per symbol and venue: symbol, venue, trades, through, through_shares
-- Needs --extra_tables sip
DECLARE @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH seen AS (
  SELECT t.symbol AS symbol, t.venue AS venue, t.size AS size,
         CASE WHEN t.price > q.ask_price OR t.price < q.bid_price THEN 1 ELSE 0 END AS through
  FROM equities_trades t ASOF JOIN equities_sip q ON (symbol)
  WHERE t.cond = 'T' AND t.timestamp_ns >= @from AND t.timestamp_ns < @to)
SELECT symbol, venue, count() AS trades, sum(through) AS through, sum(through * size) AS through_shares
FROM seen
ORDER BY symbol, venue;
