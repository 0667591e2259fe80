-- The last imbalance message before each cross, beside the cross itself: how well it told the price (ASOF JOIN).
-- Gives a row per cross: timestamp_ns, symbol, cond, price, size, told_before_ms, near_price, paired_size, imbalance_size
-- Needs --extra_tables imbalances
DECLARE @from := '2025-07-01T08:00:00Z', @to := '2025-07-02T00:00:00Z'
SELECT t.timestamp_ns AS timestamp_ns, t.symbol AS symbol, t.cond AS cond, t.price AS price, t.size AS size,
       (t.timestamp_ns::long - i.timestamp_ns::long) / 1000000 AS told_before_ms, i.near_price AS near_price, i.paired_size AS paired_size,
       i.imbalance_size AS imbalance_size
FROM equities_trades t ASOF JOIN equities_imbalances i ON (symbol, venue, cond)
WHERE t.cond IN ('O', 'C', 'H') AND t.timestamp_ns >= @from AND t.timestamp_ns < @to
ORDER BY timestamp_ns, symbol;
