-- Book rows by phase of the day at the venue where they were made (ASOF JOIN with the status rows).
-- Gives a row per symbol and phase: symbol, phase, book_rows
-- Needs --extra_tables status
WITH phases AS (SELECT * FROM equities_status WHERE phase <> '' AND venue <> '')
SELECT q.symbol, s.phase, count(*) AS book_rows
FROM equities_market_data q ASOF LEFT JOIN phases s ON q.symbol = s.symbol AND q.venue = s.venue AND q.timestamp_ns >= s.timestamp_ns
WHERE q.timestamp_ns >= getvariable('day') AND q.timestamp_ns < getvariable('next_day')
GROUP BY ALL
ORDER BY q.symbol, s.phase;
