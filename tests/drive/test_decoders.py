"""Decoders are made one at a time: msgspec ends the process where two threads are the first."""

from __future__ import annotations

import subprocess
import sys

import pytest

MANY_FIRST = """
import sys, threading, msgspec
from flowstone.drive.decoders import from_json, from_msgpack
sys.setswitchinterval(1e-6)
fields = [(f"a{number}", "tuple[int | str, ...]", ()) for number in range(10)]
for turn in range(30):
    inner = [msgspec.defstruct(f"Inner{turn}_{number}", fields) for number in range(10)]
    outer = [(f"f{number}", tuple[one, ...], ()) for number, one in enumerate(inner)]
    kind = msgspec.defstruct(f"Outer{turn}", outer)
    together = threading.Barrier(4)
    found = []
    def read(decode, data):
        together.wait()
        found.append(decode(data, kind))
    said = {"f0": [], **{f"f{number}": [] for number in range(1, 10)}}
    ways = [(from_json, msgspec.json.encode(said)), (from_msgpack, msgspec.msgpack.encode(said))]
    way = ways[turn % 2]
    threads = [threading.Thread(target=read, args=way) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert len(found) == 4
print("all read")
"""


@pytest.mark.timeout(60)
def test_threads_that_are_the_first_to_read_one_kind_all_read_it():
    ended = subprocess.run(
        [sys.executable, "-c", MANY_FIRST], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "all read\n"), ended.stderr
