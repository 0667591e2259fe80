-- The best bid and offer of the market as they stood at each second, by ASOF JOIN over the venues' books (nbbo_1s takes quotes that did not stand together).
-- Gives a row per second: timestamp_ns, best_bid, best_ask
DECLARE @symbol := 'AAPL', @from := '2025-07-01T13:30:00Z', @to := '2025-07-01T20:00:00Z'
WITH seconds AS (
  SELECT timestamp_ns, symbol, count() AS book_rows FROM equities_market_data
  WHERE symbol = @symbol AND timestamp_ns >= @from AND timestamp_ns < @to SAMPLE BY 1s),
quotes AS (SELECT timestamp_ns, symbol, venue, bids[1][1] AS bid, asks[1][1] AS ask FROM equities_market_data WHERE symbol = @symbol AND timestamp_ns < @to),
nasdaq AS (SELECT * FROM quotes WHERE venue = 'NASDAQ'),
nyse AS (SELECT * FROM quotes WHERE venue = 'NYSE'),
arca AS (SELECT * FROM quotes WHERE venue = 'ARCA'),
bats AS (SELECT * FROM quotes WHERE venue = 'BATS'),
iex AS (SELECT * FROM quotes WHERE venue = 'IEX')
SELECT seconds.timestamp_ns AS timestamp_ns, greatest(nasdaq.bid, nyse.bid, arca.bid, bats.bid, iex.bid) AS best_bid,
       least(nasdaq.ask, nyse.ask, arca.ask, bats.ask, iex.ask) AS best_ask
FROM seconds ASOF JOIN nasdaq ON (symbol) ASOF JOIN nyse ON (symbol) ASOF JOIN arca ON (symbol) ASOF JOIN bats ON (symbol) ASOF JOIN iex ON (symbol);
