"""Lock managers, by the names of modules that users know."""
