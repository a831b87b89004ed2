"""Limits of one machine: files in `limits/` whose bytes are held as locks."""
