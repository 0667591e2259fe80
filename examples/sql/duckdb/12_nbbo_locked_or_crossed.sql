-- How often nbbo_1s is locked or crossed, by minute: its quotes are each venue's last of a second, not of one moment.
-- Gives a row per minute: minute, seconds, locked, crossed, mean_spread
WITH quotes AS (
  SELECT date_trunc('second', timestamp_ns) AS second, venue, arg_max(bids[1][1], timestamp_ns) AS bid, arg_max(asks[1][1], timestamp_ns) AS ask
  FROM equities_market_data
  WHERE symbol = getvariable('symbol') AND timestamp_ns >= getvariable('start') AND timestamp_ns < getvariable('stop')
  GROUP BY ALL),
best AS (SELECT second, min(ask) - max(bid) AS spread FROM quotes GROUP BY second)
SELECT date_trunc('minute', second) AS minute, count(*) AS seconds, count(*) FILTER (abs(spread) < 0.00001) AS locked,
       count(*) FILTER (spread <= -0.00001) AS crossed, avg(spread) AS mean_spread
FROM best
GROUP BY ALL
ORDER BY minute;
