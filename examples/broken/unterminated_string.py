"""Not closed: its last string never ends."""

GREETING = "hello


def greet() -> str:
    return GREETING
