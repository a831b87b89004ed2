"""Hands on what clients take and answer, where users look for it."""
