"""Values and decisions: what a run is, what may follow what. Nothing here waits."""
