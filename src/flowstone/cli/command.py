"""What a command is: a sentence, an example, its arguments, and the function that does it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, NoReturn

import msgspec

_WIDTH = 80
"""Columns of every help text."""


class CommandError(Exception):
    """A command could not do what was asked; the message is shown without a traceback."""


class UsageError(Exception):
    """The words given do not make a command."""


class Command(msgspec.Struct, frozen=True):
    """One command. `declare` adds its arguments, `do` answers with the exit code."""

    about: str
    example: str
    declare: Callable[[argparse.ArgumentParser], object]
    do: Callable[[argparse.Namespace], int]


class _HelpFormatter(argparse.HelpFormatter):
    """Help at its own width: argparse would import 5 ms of `shutil` to measure the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_WIDTH)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Wrap the lines that are too long, and leave the others: an example is one line."""
        fill = super()._fill_text
        lines = text.splitlines()
        return "\n".join([fill(one, width, indent) if len(one) > width else one for one in lines])


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the words given."""
        first, _, rest = message.partition(": ")
        word = rest.split("=")[0].split(" ")[0]
        if first == "unrecognized arguments" and word.startswith("--"):
            # Loaded on the way to an error only: 2 ms of `difflib` else.
            suggestion = import_module("flowstone.core.suggestion").suggestion
            options = [name for name in self._option_string_actions if name.startswith("--")]
            message += f".{suggestion(word, options)}"
        raise UsageError(message)


def parser_of(command: Command, words: str) -> Parser:
    """Return the parser of the command that is called by these words."""
    parser = Parser(
        prog=f"flowstone {words}",
        description=command.about,
        epilog=f"example:\n  {command.example}",
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    command.declare(parser)
    return parser


def overview(usage: str, about: str, entries: Iterable[tuple[str, str]]) -> str:
    """Return the help of something that is made of commands."""
    rows = list(entries)
    margin = max(len(name) for name, _ in rows) + 4
    # By name: only a help text is wrapped, and every command loads this module.
    wrap = import_module("textwrap").wrap
    lines = []
    for name, text in rows:
        first, *more = wrap(text, _WIDTH - margin)
        lines.append(f"  {name}".ljust(margin) + first)
        lines += [" " * margin + line for line in more]
    return "\n".join([f"usage: {usage}", "", *wrap(about, _WIDTH), "", "commands:", *lines])


Arguments = Any
"""What a parser found: an `argparse.Namespace`, whose fields no type checker knows."""
