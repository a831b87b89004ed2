"""Puts together what a process runs tasks and flows with; the programs of worker processes."""
