"""Between an agent and the venues: what it sees, what it sends, what it waits for, and what is kept of it."""
