"""A discrete-event simulator of the US equities market."""
