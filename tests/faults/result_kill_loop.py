"""Kills processes while they write results, and looks whether one is torn, lost or left behind.

    python -m tests.faults.result_kill_loop --kills 200

Two write into one directory at a time, each under keys of its own. After each kill of both: every
result that was seen kept is there (that one or a later one), each record there is whole, and no
temporary file stays once the directory is used again. Ends with 1 where that does not hold, or
where too few kills hit a write.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from flowstone.exceptions import UnreadableResult
from flowstone.results.directory import WRITING, Directory
from flowstone.results.keeper import Keeper

VICTIM = Path(__file__).with_name("result_victim.py")


@dataclass(slots=True)
class Tally:
    """What a series of kills came to; `torn` are the unfinished files that kills left."""

    kills: int = 0
    seen: int = 0
    checked: int = 0
    torn: int = 0
    violations: list[str] = field(default_factory=list)


def kill_many(folder: Path, kills: int, seed: int, longest: float) -> Tally:
    """Kill that many victims, two at a time, and check after each pair."""
    tally = Tally()
    chance = random.Random(seed)
    results = folder / "results"
    for number in range(0, kills, 2):
        names = [f"{side}-{number}" for side in "ab"]
        victims = [start_one(results, folder / name, name) for name in names]
        for name in names:
            wait_for(folder / name)
        for victim in victims:
            time.sleep(chance.uniform(0, longest))
            victim.kill()
            victim.wait()
        tally.kills += len(victims)
        tally.torn += len(list((results / WRITING).iterdir()))
        check(results, [folder / name for name in names], tally)
    return tally


def start_one(results: Path, seen: Path, name: str) -> subprocess.Popen[bytes]:
    """Start a victim."""
    return subprocess.Popen([sys.executable, VICTIM, results, seen, name])


def wait_for(seen: Path) -> None:
    """Wait until a victim has kept something."""
    ends = time.monotonic() + 30
    while not (seen.exists() and seen.stat().st_size):
        if time.monotonic() > ends:
            raise RuntimeError(f"the victim of {seen} keeps nothing")
        time.sleep(0.005)


def check(results: Path, seen_files: list[Path], tally: Tally) -> None:
    """Use the directory as a process does that starts now, and compare with what was seen."""
    keeper = Keeper(Directory(os.fspath(results)))
    kept = {}
    for found in keeper.entries():
        try:
            key = found.name
            record = keeper.load(key, 0)
        except UnreadableResult as error:
            tally.violations.append(str(error))
            continue
        value = record.value
        if value["filling"].strip(bytes([value["at"] & 255])):
            tally.violations.append(f"{key} is made of two results")
        kept[key] = value["at"]
        tally.checked += 1
    for seen in seen_files:
        for line in seen.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                key, at = line.split()
                tally.seen += 1
                if kept.get(key, 0) < int(at):
                    tally.violations.append(f"{key} of {at} was seen, and {kept.get(key)} is there")
    left = sorted(path.name for path in (results / WRITING).iterdir())
    if left:
        tally.violations.append(f"temporary files stay: {left}")


def main() -> int:
    """Kill, check and print the tally."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="to see the same moments again")
    parser.add_argument("--longest", type=float, default=0.1, help="seconds of writing")
    options = parser.parse_args()
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="flowstone-results-") as folder:
        tally = kill_many(Path(folder), options.kills, seed, options.longest)
    seconds = time.monotonic() - started
    print(f"kills {tally.kills} (seed {seed}, {seconds:.0f} s), of them in a write {tally.torn}")
    print(f"results seen kept {tally.seen:,}; records read back whole {tally.checked:,}")
    print(f"violations {len(tally.violations)}")
    for violation in tally.violations[:50]:
        print(f"  {violation}")
    if tally.torn < tally.kills // 10:
        print(f"too little was hit: at least {tally.kills // 10} kills must leave a file")
        return 1
    return 1 if tally.violations else 0


if __name__ == "__main__":
    sys.exit(main())
