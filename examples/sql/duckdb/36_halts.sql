-- Halts at the listing venue: since when, why, for how long, and the reopening cross (lead over the status rows).
-- Gives a row per halt: halted_at, symbol, reason, seconds, reopened_at_price, reopened_with_shares
-- Needs --extra_tables status
WITH phases AS (
  SELECT *, epoch_ns(timestamp_ns) AS ns, lead(epoch_ns(timestamp_ns)) OVER (PARTITION BY symbol, venue ORDER BY timestamp_ns) AS next_ns
  FROM equities_status
  WHERE venue <> '' AND phase <> '' AND timestamp_ns >= getvariable('day') AND timestamp_ns < getvariable('next_day'))
SELECT h.timestamp_ns AS halted_at, h.symbol, h.reason, (h.next_ns - h.ns) / 1e9 AS seconds, c.price AS reopened_at_price,
       c.size AS reopened_with_shares
FROM phases h JOIN equities_trades c ON h.symbol = c.symbol AND h.venue = c.venue AND c.cond = 'H'
WHERE h.phase = 'HALTED' AND epoch_ns(c.timestamp_ns) BETWEEN h.ns AND h.next_ns + 1000000000
ORDER BY halted_at, h.symbol;
