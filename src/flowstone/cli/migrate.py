"""`flowstone migrate`: programs written for Prefect, rewritten for Flowstone."""

from __future__ import annotations

import argparse
import difflib
import os
from importlib import import_module
from typing import Any

from flowstone.cli.command import Arguments, Command, CommandError
from flowstone.cli.options import add_output
from flowstone.cli.output import plural, print_json
from flowstone.cli.terminal import has_colors, printable

_COLORS = {"+": "32", "-": "31", "@": "36"}


def _migrate(arguments: Arguments) -> int:
    files = _files()
    try:
        found = list(files.migrated(arguments.paths))
    except FileNotFoundError as error:
        message = f"There is no {str(error)!r}. Name a file of Python, or a folder with such files."
        raise CommandError(message) from None
    if arguments.write:
        for one in found:
            if one.is_changed:
                _write(files, one)
    if arguments.output == "json":
        print_json([_object(one) for one in found])
    else:
        _print(found, is_written=arguments.write)
    return 1 if any(one.problem for one in found) else 0


def _files() -> Any:
    try:
        return import_module("flowstone.migrating.files")
    except ModuleNotFoundError as error:
        if error.name != "libcst":
            raise
        message = "To rewrite programs takes LibCST: pip install 'flowstone[migrate]'"
        raise CommandError(message) from None


def _write(files: Any, one: Any) -> None:
    try:
        files.write(one)
    except OSError as error:
        message = f"{one.path} cannot be written ({error.strerror}); it is as it was."
        raise CommandError(message) from None


def _print(found: list[Any], *, is_written: bool) -> None:
    changed = [one for one in found if one.is_changed]
    for one in changed:
        if is_written:
            print(f"Rewrote {printable(one.path)}")
        else:
            _print_difference(one)
    left = [one for one in found if one.remarks or one.problem]
    if left:
        print("\nTo do by hand:")
    for one in left:
        if one.problem:
            print(f"  {printable(one.path)}: {printable(one.problem)}")
        for remark in one.remarks:
            print(f"  {printable(one.path)}:{remark.line}: {printable(remark.text)}")
    by_hand = sum(len(one.remarks) + bool(one.problem) for one in found)
    if not found:
        print("Nothing here has to do with Prefect.")
    elif is_written:
        print(f"\n{plural(len(changed), 'file')} rewritten, {by_hand} to do by hand.")
    else:
        print(f"\n{plural(len(changed), 'file')} to rewrite, {by_hand} to do by hand.")
        if changed:
            print("Nothing was written. To rewrite them: flowstone migrate --write …")


def _print_difference(one: Any) -> None:
    before, after = (text.decode(errors="replace").splitlines() for text in (one.before, one.after))
    colors = has_colors(os.environ)
    for line in difflib.unified_diff(before, after, one.path, one.path, n=1, lineterm=""):
        color = _COLORS.get(line[:1])
        text = printable(line)
        print(f"\x1b[{color}m{text}\x1b[0m" if colors and color else text)


def _object(one: Any) -> dict[str, Any]:
    return {
        "path": one.path,
        "is_changed": one.is_changed,
        "problem": one.problem,
        "by_hand": [{"line": remark.line, "text": remark.text} for remark in one.remarks],
    }


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, or a folder of files")
    parser.add_argument(
        "--write", action="store_true", help="rewrite the files; without it the changes are shown"
    )
    add_output(parser)


COMMANDS = Command(
    "Rewrite programs written for Prefect: imports, renamed names, what is awaited. Says, with "
    "file and line, what has no counterpart here.",
    "flowstone migrate flows/ --write",
    _declare,
    _migrate,
)
