"""One key in every process and on every Python: digests that are written down here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowstone.core.fingerprints import fingerprint
from tests.core.conftest import project
from tests.core.test_fingerprints import REACHING, steps

__all__ = ["project", "steps"]

VALUES = """
import dataclasses, datetime as dt, enum, re, uuid
from collections import OrderedDict, Counter, deque, defaultdict
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

class Color(enum.Enum):
    RED = 1

class Bits(enum.Flag):
    A = 1
    B = 2

@dataclasses.dataclass
class Point:
    x: int
    tags: frozenset

class Plain:
    def __init__(self):
        self.names = {"x", "y", "z"}

NAMES = {"alpha", "beta", "gamma", ("delta", 1), None}
VALUES = [
    [None, True, 1, 1 << 70, 2.5, "\\ud800", b"x", 1j],
    NAMES,
    {"b": NAMES, "a": {1: {"x", "y"}}},
    [Color.RED, Bits.A | Bits.B, Point(1, frozenset(["a", "b"])), Plain()],
    [dt.datetime(2024, 1, 2, tzinfo=ZoneInfo("Europe/Berlin")), dt.timedelta(1), dt.date.max],
    [Decimal("1.50"), Fraction(1, 3), uuid.UUID(int=7), Path("/a/b"), re.compile("x+", re.I)],
    [OrderedDict(b=1, a=2), Counter("abca"), deque([1], 3), defaultdict(list, a=[1])],
    [ValueError("x"), SimpleNamespace(b=1, a=2), range(3), slice(1), len, dict, ...],
]
"""
PRINT = """
from flowstone.core.hashing import hash_value
if __name__ == "__main__":
    print(*map(hash_value, VALUES), sep="\\n")
"""
KNOWN = [
    "b42b66438f7b5d752f9b058a3bb21c0c",
    "6908cd3d66b5b9f620aafce9e32640c9",
    "ba3e51eebc1bfda1278c084e115b80bd",
    "59f14b1b41bd530e0fbc5056861a6e2a",
    "17d0ef27f6994b3b5c97192a3422a0c1",
    "9e343b25272461430584b573686c8607",
    "a9de52d3ee7e073b5c760e4a14da5fb7",
    "65987fdf3bc6d05bb7e3b651f7cad1be",
]


def told_by(folder: Path, *args: str, seed: int) -> list[str]:
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(folder)}
    command = [sys.executable, *args]
    ended = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return ended.stdout.split()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "values.py").write_text(VALUES + PRINT)
    return tmp_path


@pytest.mark.parametrize("seed", [0, 1, 4711])
def test_a_hash_is_the_same_under_every_seed_and_on_every_python(folder, seed):
    assert told_by(folder, str(folder / "values.py"), seed=seed) == KNOWN


def test_a_class_of_a_script_is_the_same_as_where_the_script_is_imported(folder):
    program = "import values; print(*map(values.hash_value, values.VALUES))"
    assert told_by(folder, "-c", program, seed=5) == KNOWN


FINGERPRINTS = {
    "load": "b273e82c9f65b0d9dda5c6c490f390c9",
    "uses_a_module": "9878c03f8c5e0a79fac95cd3711485ae",
    "uses_a_table": "559c2b8e1f3fef717c883f520adc2409",
    "uses_a_class": "fcce9e0bb14802dde89fee7337ade217",
    "uses_an_instance": "6ccc947683003d5318578ca293c918a0",
    "uses_a_default": "98b1c5558aa6b0216b8bf4fa7b3b7926",
    "uses_a_cached_one": "88a36b65d8e7ee7013b64bd3c0454722",
    "uses_a_task": "dae9431f1dfe4c1431b75d999660ba63",
    "uses_a_decorated_one": "cf60363ed9d493d54b4b05460d8cd34b",
    "imports_within": "531a833c6132f223cc7432dc3f17eb13",
    "times_three": "fa1f643b9f2603698c6e8f2c7bb252c8",
    "part": "67132765f5a64df9db11bc54ee8282c5",
    "shift": "2bc685d9b012af939513e5d6d4792bc7",
    "uses_data": "8e073fd7b59acea23778c439bccd1b6c",
    "uses_an_enum": "951a75442437db4d3bf9d886fcd69090",
    "method": "b2086bf39aa72c4d91b3bb436ecd5f4b",
}


@pytest.mark.parametrize("seed", ["0", "99"])
def test_a_fingerprint_is_the_same_in_every_process_and_on_every_python(steps, seed):
    program = (
        "import steps, sys; from flowstone.core.fingerprints import fingerprint as f\n"
        "print(*(f'{n}={f(getattr(steps, n)).digest}' for n in sys.argv[1:]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(steps.folder)}
    command = [sys.executable, "-c", program, *REACHING]
    ended = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert dict(each.split("=") for each in ended.stdout.split()) == FINGERPRINTS


def test_a_script_has_the_fingerprint_of_the_module_it_is(project):
    show = """
        from flowstone.core.fingerprints import fingerprint
        def clean(x):
            return x
        def load(x):
            return clean(x)
        if __name__ == "__main__":
            print(fingerprint(load).digest)
    """
    project.write(script=show)
    command = [sys.executable, str(project.folder / "script.py")]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    assert ended.stdout.strip() == fingerprint(project.load("script").load).digest


def test_naming_a_policy_loads_nothing_that_hashes_or_reads_code():
    program = (
        "import sys; from flowstone.cache_policies import INPUTS, TASK_SOURCE; "
        "print(*{'xxhash', 'flowstone.core.hashing', 'flowstone.core.fingerprints', 'pydantic'}"
        " & set(sys.modules))"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    assert ended.stdout.split() == []
