"""Writers: each satisfies ``simulator.tape.sink.Sink`` and knows nothing of the simulation but its records."""
