"""All tables of a run as they are, for readers that have no format of their own: CSV and Arrow IPC."""
