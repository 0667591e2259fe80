"""What a run came to: an agent's result, its impact."""
