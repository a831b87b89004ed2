"""The code blocks of a page: programs, what they print, and commands with what they print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(
    r"^(?P<hint><!--[^\n]*-->\n)?```(?P<kind>\w+)(?P<options>[^\n]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_OPTION = re.compile(r'(\w+)="([^"]*)"')


class Block(NamedTuple):
    """One block: its kind (`python`, `output`, `console`), options, text, and line on the page."""

    kind: str
    options: dict[str, str]
    text: str
    line: int


def pages() -> list[Path]:
    """Return the pages of the documentation."""
    return sorted(DOCS.rglob("*.md"))


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page that say what kind they are."""
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
