-- Which venue makes a new best price: its name stands in the consolidated quote when the best bid rises or the best offer falls.
-- Gives a row per venue: venue, bid_raised, ask_lowered
-- Needs --extra_tables sip
WITH quotes AS (
  SELECT *, lag(bid_price) OVER w AS bid_before, lag(ask_price) OVER w AS ask_before
  FROM equities_sip
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
  WINDOW w AS (ORDER BY timestamp_ns)),
bids AS (SELECT bid_venue AS venue, count(*) AS bid_raised FROM quotes WHERE bid_price > bid_before GROUP BY ALL),
asks AS (SELECT ask_venue AS venue, count(*) AS ask_lowered FROM quotes WHERE ask_price < ask_before GROUP BY ALL)
SELECT venue, coalesce(bid_raised, 0) AS bid_raised, coalesce(ask_lowered, 0) AS ask_lowered
FROM bids FULL JOIN asks USING (venue)
ORDER BY venue;
