"""Keeps results in a directory until it is killed, and writes down which it has kept.

python tests/faults/result_victim.py DIRECTORY SEEN NAME
"""

from __future__ import annotations

import os
import random
import sys
import time

from flowstone.results.directory import Directory
from flowstone.results.keeper import Keeper

KEYS = 20
LARGEST = 1 << 20


def main() -> None:
    """Keep results over and over, of all sizes, under few keys."""
    directory, seen, name = sys.argv[1:]
    keeper = Keeper(Directory(directory))
    chance = random.Random(name)
    fd = os.open(seen, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        key = f"{name.partition('-')[0]}-{chance.randrange(KEYS)}"
        now = time.time_ns()
        size = int(LARGEST ** chance.random())
        keeper.save(key, {"at": now, "filling": bytes([now & 255]) * size}, created=now)
        os.write(fd, f"{key} {now}\n".encode())


if __name__ == "__main__":
    main()
