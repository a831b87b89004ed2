"""The log of a process, where all is written first: `writer` appends to it, `reader` reads it."""
