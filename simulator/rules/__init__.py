"""What exchanges impose: when each symbol crosses, halts, price bands, market-wide breakers."""
