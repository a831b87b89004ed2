"""Says UTF-8 by default and is Latin-1: naïve café."""

NAME = "café"
