"""What a command is: a sentence, an example, its arguments, and the function that does it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import msgspec


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


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help at its own width: argparse would import 5 ms of `shutil` to measure the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=96)


class Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the words given."""
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
    width = max(len(name) for name, _ in rows)
    lines = [f"  {name.ljust(width)}  {text}" for name, text in rows]
    return "\n".join([f"usage: {usage}", "", about, "", "commands:", *lines])


Arguments = Any
"""What a parser found: an `argparse.Namespace`, whose fields no type checker knows."""
