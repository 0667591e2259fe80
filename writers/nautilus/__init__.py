"""A catalog for nautilus_trader: deltas, trades, quotes, depths and instruments as Parquet files."""
