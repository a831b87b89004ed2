"""The database of runs: `collector` brings it up to the logs, `queries` and `reading` answer."""
