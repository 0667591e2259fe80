-- Book rows by phase of the day at the venue where they were made (ASOF JOIN with the status rows).
-- Gives a row per symbol and phase: symbol, phase, book_rows
-- Needs --extra_tables status
DECLARE @from := '2025-07-01T08:00:00Z', @to := '2025-07-02T00:00:00Z'
WITH phases AS (SELECT timestamp_ns, symbol, venue, phase FROM equities_status WHERE phase IS NOT NULL AND venue IS NOT NULL),
seen AS (
  SELECT q.symbol AS symbol, s.phase AS phase
  FROM equities_market_data q ASOF JOIN phases s ON (symbol, venue)
  WHERE q.timestamp_ns >= @from AND q.timestamp_ns < @to)
SELECT symbol, phase, count() AS book_rows
FROM seen
ORDER BY symbol, phase;
