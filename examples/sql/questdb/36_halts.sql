-- Halts at the listing venue: since when, why, for how long, and the reopening cross (lead over the status rows).
-- Gives a row per halt: halted_at, symbol, reason, seconds, reopened_at_price, reopened_with_shares
-- Needs --extra_tables status
DECLARE @from := '2025-07-01T08:00:00Z', @to := '2025-07-02T00:00:00Z'
WITH phases AS (
  SELECT timestamp_ns, symbol, venue, phase, reason, lead(timestamp_ns::long) OVER (PARTITION BY symbol, venue ORDER BY timestamp_ns) AS next_ns
  FROM equities_status
  WHERE venue IS NOT NULL AND phase IS NOT NULL AND timestamp_ns >= @from AND timestamp_ns < @to),
halts AS (SELECT * FROM phases WHERE phase = 'HALTED'),
crosses AS (
  SELECT timestamp_ns, symbol, venue, price, size FROM equities_trades WHERE cond = 'H' AND timestamp_ns >= @from AND timestamp_ns < @to)
SELECT h.timestamp_ns AS halted_at, h.symbol AS symbol, h.reason AS reason, (h.next_ns - h.timestamp_ns::long) / 1000000000.0 AS seconds,
       c.price AS reopened_at_price, c.size AS reopened_with_shares
FROM halts h JOIN crosses c ON (symbol, venue)
WHERE c.timestamp_ns > h.timestamp_ns AND c.timestamp_ns::long <= h.next_ns + 1000000000
ORDER BY halted_at, symbol;
