"""The table of compatibility says only what tests show."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]
TABLE = TESTS.parent / "docs" / "compatibility.md"
KINDS = ("same", "better", "not yet")


def rows() -> list[list[str]]:
    """The rows of the sections' tables, cell by cell."""
    lines = TABLE.read_text(encoding="utf-8").partition("\n## ")[2].splitlines()
    cells = [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in cells if row[0].strip() != "reference"]


def kind(row: list[str]) -> str:
    [found] = [one for one in KINDS if row[2].startswith(one)]
    return found


def test_every_test_that_the_table_names_is_there():
    known = {
        name
        for path in TESTS.rglob("test_*.py")
        for name in [path.stem, *re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))]
    }
    named = {name for row in rows() for name in re.findall(r"test_\w+", row[3])}
    assert len(named) > 100
    assert named - known == set()


def test_every_row_that_holds_names_a_test_and_every_other_says_why():
    for row in rows():
        assert len(row) == 4, row
        if kind(row) == "not yet":
            assert len(row[2]) > len("not yet") or row[3], row
        else:
            assert re.search(r"test_\w+", row[3]), row
        if kind(row) == "better":
            assert len(row[2]) > len("better: "), row


def test_the_counts_above_are_those_of_the_rows():
    counted = Counter((row[0].partition(".")[0], kind(row)) for row in rows())
    text = TABLE.read_text(encoding="utf-8").partition("\n## ")[0]
    told = re.findall(r"^\| (\d+) \| [^|]* \| (\d+) \| (\d+) \| (\d+) \|", text, re.MULTILINE)
    assert told
    for section, *numbers in told:
        assert [counted[section, one] for one in KINDS] == list(map(int, numbers)), section
    assert sum(counted.values()) == sum(int(n) for _, *numbers in told for n in numbers)
