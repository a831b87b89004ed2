"""Limits: a home's are files whose bytes are held as locks, a server's are asked for there."""
