"""`flowstone completion`: what a shell needs to complete commands.

The script that a shell reads is small and asks this program for the words that may come next, so
it knows the commands of the version that is there, and the names of runs and flows.
"""

from __future__ import annotations

import argparse
import sqlite3
import string
from collections.abc import Iterable
from functools import partial
from importlib import import_module
from typing import Any

from flowstone.cli.command import Arguments, Command, CommandError, UsageError, parser_of
from flowstone.cli.home import home
from flowstone.core.states import DEFAULT_NAMES
from flowstone.settings import SettingsError
from flowstone.store.errors import StoreError
from flowstone.store.queries import Store, open_store

_RECENT = 50
_SAFE = frozenset(string.ascii_letters + string.digits + "-_.:/=@%+,")
"""Characters that no shell takes for more than themselves."""
_SCRIPTS = {
    "bash": """\
_flowstone() {
    local IFS=$'\\n'
    COMPREPLY=($("${COMP_WORDS[0]}" completion bash -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _flowstone flowstone""",
    "zsh": """\
#compdef flowstone
_flowstone() {
    local -a found
    found=("${(@f)$("${words[1]}" completion zsh -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -n "${found[1]}" ]]; then compadd -- "${found[@]}"; else _files; fi
}
compdef _flowstone flowstone""",
    "fish": """\
function __flowstone_words
    set -l words (commandline -opc) (commandline -ct)
    $words[1] completion fish -- $words[2..-1] 2>/dev/null
end
complete -c flowstone -f -a '(__flowstone_words)'
complete -c flowstone -n '__fish_seen_subcommand_from run' -F""",
}
_INSTALL = {
    "bash": "source <(flowstone completion bash)",
    "zsh": "source <(flowstone completion zsh)",
    "fish": "flowstone completion fish | source",
}


def _complete(arguments: Arguments, shell: str) -> int:
    if not arguments.words:
        print(_SCRIPTS[shell])
        return 0
    for word in next_words(arguments.words):
        print(word)
    return 0


def next_words(words: list[str]) -> list[str]:
    """Return what the last of these words may become; "" is a word that is not begun."""
    *before, begun = words
    if before[:1] in (["--profile"], ["-p"]):
        before = before[2:]
    return sorted({word for word in _candidates(before, begun) if word.startswith(begun)})


def _candidates(before: list[str], begun: str) -> Iterable[str]:
    families = import_module("flowstone.cli.main").FAMILIES
    if not before:
        return [*families, "--help", "--profile", "--version"]
    family, *rest = before
    if family not in families:
        return ()
    commands = import_module("flowstone.cli." + family.replace("-", "_")).COMMANDS
    if isinstance(commands, Command):
        return _arguments(commands, family, rest, begun)
    if not rest:
        return [*commands, "--help"]
    if rest[0] not in commands:
        return ()
    return _arguments(commands[rest[0]], family, rest[1:], begun)


def _arguments(command: Command, family: str, before: list[str], begun: str) -> Iterable[str]:
    """Return what may come next among the arguments of a command."""
    try:
        parser = parser_of(command, family)
    except UsageError:
        return ()
    options: dict[str, Any] = parser._option_string_actions  # noqa: SLF001  it has no other list
    last = before[-1] if before else ""
    if last in options and options[last].nargs != 0:
        return _values(options[last], family)
    if begun.startswith("-"):
        return options
    positionals = list(parser._get_positional_actions())  # noqa: SLF001  as above
    at = _given(before, options)
    if at >= len(positionals):
        repeats = positionals and positionals[-1].nargs in ("*", "+")
        return _values(positionals[-1], family) if repeats else options
    return _values(positionals[at], family)


def _given(before: list[str], options: dict[str, Any]) -> int:
    """Return how many of these words are neither options nor their values."""
    count, is_value = 0, False
    for word in before:
        if word.startswith("-"):
            is_value = word in options and options[word].nargs in (None, "?")
        elif is_value:
            is_value = False
        else:
            count += 1
    return count


def _values(action: argparse.Action, family: str) -> Iterable[str]:
    if action.choices is not None:
        return [str(choice) for choice in action.choices]
    if action.dest == "state":
        return [*DEFAULT_NAMES, "TimedOut", "AwaitingRetry", "Retrying", "NotReady"]
    kind = _KINDS.get(action.dest) or (_KINDS.get(family) if action.metavar == "RUN" else None)
    return _recorded(kind) if kind else ()


_KINDS = {
    "flow": lambda store: [run.flow_name for run in store.flow_runs(limit=_RECENT)],
    "flow-run": lambda store: [run.name for run in store.flow_runs(limit=_RECENT)],
    "flow_run": lambda store: [run.name for run in store.flow_runs(limit=_RECENT)],
    "task": lambda store: [run.task_name for run in store.task_runs(limit=_RECENT)],
    "task-run": lambda store: [run.name for run in store.task_runs(limit=_RECENT)],
}
"""What recent runs have for an argument, by its name or by the family of a run."""


def _recorded(names: Any) -> list[str]:
    """Return names that are in the store; nothing is collected for it, so that it takes no time."""
    try:
        with open_store(home(), collect_first=False) as store:
            found: list[str] = _names(store, names)
    except (OSError, sqlite3.Error, StoreError, CommandError, SettingsError):
        # While somebody types a command there is no place for what is wrong; `doctor` says it.
        return []
    return found


def _names(store: Store, names: Any) -> list[str]:
    return [name for name in names(store) if _SAFE.issuperset(name)]


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)


COMMANDS: dict[str, Command] = {
    shell: Command(
        f"Print what {shell} needs to complete commands. To keep it, {where}.",
        _INSTALL[shell],
        _declare,
        partial(_complete, shell=shell),
    )
    for shell, where in (
        ("bash", "add the example to ~/.bashrc"),
        ("zsh", "add the example to ~/.zshrc, behind compinit"),
        ("fish", "put that into ~/.config/fish/completions/flowstone.fish"),
    )
}
"""The commands of this family, by their second word."""
