-- The last imbalance message before each cross, beside the cross itself: how well it told the price (ASOF JOIN).
-- Gives a row per cross: timestamp_ns, symbol, cond, price, size, told_before_ms, near_price, paired_size, imbalance_size
-- Needs --extra_tables imbalances
SELECT t.timestamp_ns, t.symbol, t.cond, t.price, t.size, (epoch_ns(t.timestamp_ns) - epoch_ns(i.timestamp_ns)) // 1000000 AS told_before_ms,
       i.near_price, i.paired_size, i.imbalance_size
FROM equities_trades t ASOF LEFT JOIN equities_imbalances i
  ON t.symbol = i.symbol AND t.venue = i.venue AND t.cond = i.cond AND t.timestamp_ns >= i.timestamp_ns
WHERE t.cond IN ('O', 'C', 'H') AND t.timestamp_ns >= getvariable('day') AND t.timestamp_ns < getvariable('next_day')
ORDER BY t.timestamp_ns, t.symbol;
