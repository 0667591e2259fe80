"""The command: from flags to workers, sinks and a summary."""
