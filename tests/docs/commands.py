"""What a page tells its readers to type: whether there is such a command."""

from __future__ import annotations

import re
import shlex
import tomllib
from importlib import import_module

from flowstone.cli.command import Command, UsageError, parser_of
from flowstone.cli.main import FAMILIES
from flowstone.settings.declared import VARIABLES
from tests.docs.blocks import ROOT

_INLINE = re.compile(r"`flowstone ([a-z-]+)((?: [^`]*)?)`")
_EXTRA = re.compile(r"flowstone\[(\w+)\]")


def problems(text: str) -> list[str]:
    """Return what is wrong with the commands of a block, one sentence each."""
    lines = text.replace("\\\n", " ").splitlines()
    typed = [shlex.split(line, comments=True) for line in lines]
    return [problem for words in typed if words and (problem := _problem(words))]


def inline_problems(text: str) -> list[str]:
    """Return what is wrong with the commands that stand within sentences."""
    found = [
        _problem(["flowstone", *_words(*parts)], whole=False) for parts in _INLINE.findall(text)
    ]
    return [problem for problem in found if problem]


def _words(first: str, rest: str) -> list[str]:
    return [first, *rest.replace("\\|", " ").split()[:1]]


def _problem(words: list[str], *, whole: bool = True) -> str:
    program, *rest = words
    name = program.rpartition("/")[2]
    if name == "flowstone":
        return _of_ours(rest, whole=whole)
    if name == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return "".join(f"make has no {one}. " for one in rest if one not in targets)
    if name == "export":
        variable = rest[0].partition("=")[0]
        return "" if variable in VARIABLES else f"there is no setting {variable}"
    if name == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        asked = _EXTRA.findall(" ".join(rest))
        return "".join(
            f"{one} is no extra" for one in asked if one not in extras["optional-dependencies"]
        )
    if name == "python" and rest[0] != "-m":
        return "" if (ROOT / rest[0]).exists() else f"there is no {rest[0]}"
    return "" if name in ("cat", "python") else f"{name} is not known here"


def _of_ours(words: list[str], *, whole: bool) -> str:
    if words[0] not in FAMILIES:
        return f"flowstone has no command {words[0]}"
    command = import_module(f"flowstone.cli.{words[0].replace('-', '_')}").COMMANDS
    used = 1
    if not isinstance(command, Command):
        if not words[1:] and not whole:
            return ""
        if not words[1:] or words[1] not in command:
            return f"flowstone has no command {' '.join(words[:2])}"
        command, used = command[words[1]], 2
    if not whole:
        return ""
    try:
        parser_of(command, " ".join(words[:used])).parse_args(words[used:])
    except UsageError as error:
        return f"{' '.join(words)}: {error}"
    return ""
