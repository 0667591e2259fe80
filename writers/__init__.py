"""Writers: each satisfies ``simulator.tape.Sink`` and knows nothing of the simulation but its records."""
