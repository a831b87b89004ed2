"""The code blocks of a page, and how what a program says is compared with what a page shows.

| kind | what the tests do with it |
|---|---|
| `python` | it is run |
| `output` | what the program above prints, to the letter |
| `log` | what the program above writes to stderr, but for times, names of runs and the like |
| `console` | the commands behind `$` are run, and print what is below, `…` for anything |
| `sh` | commands that are not run here: each is one that there is |
| `text` | no code |
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
KINDS = ("python", "output", "log", "console", "sh", "text")
_BLOCK = re.compile(
    r"^(?P<hint><!--[^\n]*-->\n)?```(?P<kind>\w*)(?P<options>[^\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_OPTION = re.compile(r'(\w+)="([^"]*)"')
_VARYING = re.compile(r"\d\d:\d\d:\d\d\.\d{3}|\d[\d.]* (?:µs|ms|s)\b|'[a-z]+-[a-z]+'")


class Block(NamedTuple):
    """One block: its kind, options, text, and line on the page."""

    kind: str
    options: dict[str, str]
    text: str
    line: int


def pages() -> list[Path]:
    """Return the pages of the documentation, and those that lie beside the code."""
    beside = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "benchmarks/README.md")
    return [*(ROOT / name for name in beside), *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(page: Path) -> str:
    """Return the path of a page within the repository."""
    return str(page.relative_to(ROOT))


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page."""
    text = page.read_text()
    return [
        Block(
            found["kind"],
            dict(_OPTION.findall(f"{found['hint']} {found['options']}")),
            found["text"],
            text.count("\n", 0, found.start()) + 1,
        )
        for found in _BLOCK.finditer(text)
    ]


def fits(shown: str, wanted: str) -> bool:
    """Whether what was printed has these lines in this order, `…` being anything, lines too."""
    pieces = [re.escape(piece) for piece in wanted.strip("\n").split("…")]
    return re.search(".*".join(pieces), shown, re.DOTALL) is not None


def alike(text: str) -> str:
    """Return a text without what differs from run to run: times, durations, names of runs."""
    return _VARYING.sub("…", text)
