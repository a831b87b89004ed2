"""A program whose home gives it trouble; run by `test_disk.py`.

    python tests/faults/diary.py CALLS [FILE_TO_REMOVE]

Makes calls, half of them before FILE_TO_REMOVE is removed (which makes room on a full disk) and
half after, and prints their sum.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from flowstone import flow, get_run_logger, task


@task
def same(number):
    return number


@flow
def add_up(numbers):
    get_run_logger().debug("adding %d numbers", len(numbers))
    return sum(same(number) for number in numbers)


def main() -> None:
    calls = int(sys.argv[1])
    total = add_up(range(calls // 2))
    for path in sys.argv[2:]:
        Path(path).unlink()
        time.sleep(1.1)  # the log tries again after a second
    total += add_up(range(calls // 2, calls))
    print(f"sum {total}")


if __name__ == "__main__":
    main()
