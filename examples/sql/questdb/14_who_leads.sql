-- Which venue makes a new best price: its name stands in the consolidated quote when the best bid rises or the best offer falls.
-- Gives a row per venue: venue, bid_raised, ask_lowered
-- Needs --extra_tables sip
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH quotes AS (
  SELECT bid_price, bid_venue, ask_price, ask_venue, lag(bid_price) OVER (ORDER BY timestamp_ns) AS bid_before,
         lag(ask_price) OVER (ORDER BY timestamp_ns) AS ask_before
  FROM equities_sip
  WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to),
led AS (
  SELECT bid_venue AS venue, 1 AS bid_raised, 0 AS ask_lowered FROM quotes WHERE bid_price > bid_before
  UNION ALL
  SELECT ask_venue AS venue, 0 AS bid_raised, 1 AS ask_lowered FROM quotes WHERE ask_price < ask_before)
SELECT venue, sum(bid_raised) AS bid_raised, sum(ask_lowered) AS ask_lowered
FROM led
ORDER BY venue;
