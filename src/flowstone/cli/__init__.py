"""The command line: a family of commands a file, and only the family asked for is imported."""
