"""The verbs of the engine, done for real: the only place with colour, threads and clocks."""
