"""The life of a run, told once, as coroutines that touch no loop, no clock and no thread."""
