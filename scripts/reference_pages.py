"""Pages of the documentation that are made of the program: its commands, settings, and parts."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import msgspec
from architecture import page as architecture
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from setting_texts import WHAT

from flowstone.cli.command import Command, parser_of
from flowstone.cli.main import ABOUT, FAMILIES
from flowstone.settings.declared import KNOWN, Settings, variable
from flowstone.settings.kinds import text_of


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages, as MkDocs asks for."""
    files.append(File.generated(config, "reference/commands.md", content=commands_page()))
    files.append(File.generated(config, "reference/settings.md", content=settings_page()))
    files.append(File.generated(config, "reference/architecture.md", content=architecture()))
    return files


def commands_page() -> str:
    """Return the page of the command line: the help text of each command."""
    parts = ["# Commands", ABOUT]
    for family, about in FAMILIES.items():
        parts.append(f"## flowstone {family}\n\n{about}")
        for words, command in commands_of(family):
            text = parser_of(command, words).format_help().rstrip()
            title = [f"### flowstone {words}"] if words != family else []
            parts += [*title, f"```text\n{text}\n```"]
    return "\n\n".join(parts) + "\n"


def commands_of(family: str) -> Iterator[tuple[str, Command]]:
    """Give the commands that begin with a word, with all their words."""
    found = import_module(f"flowstone.cli.{family.replace('-', '_')}").COMMANDS
    if isinstance(found, Command):
        yield family, found
    else:
        for name, command in found.items():
            yield f"{family} {name}", command


def settings_page() -> str:
    """Return the page of the settings: each with its variable, its default, what it is for."""
    parts = [
        "# Settings",
        (
            "Each has a variable, and a place in `flowstone.toml`, in `[tool.flowstone]` of "
            "`pyproject.toml`, or in a profile; the variable counts most. `flowstone config view` "
            "shows every value and where it comes from."
        ),
    ]
    for title, kind, prefix in _groups():
        about, _, _ = (inspect.getdoc(kind) or "").partition(".")
        parts.append(f"## {title}\n\n{' '.join(about.split())}.")
        rows = ["| variable | default | |", "|---|---|---|"]
        for field in msgspec.structs.fields(kind):
            if not _is_group(field.type):
                name = f"{prefix}{field.name}"
                about = f"{WHAT[name]}<br>*{KNOWN[name].allowed}*"
                rows.append(f"| `{variable(name)}` | {_default(field)} | {about} |")
        parts.append("\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _groups(kind: Any = Settings, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    yield prefix.rstrip(".") or "general", kind, prefix
    for field in msgspec.structs.fields(kind):
        if _is_group(field.type):
            yield from _groups(field.type, f"{prefix}{field.name}.")


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _default(field: Any) -> str:
    made = field.default_factory is not msgspec.NODEFAULT
    value = field.default_factory() if made else field.default
    text = "" if value is None else text_of(value).replace(os.path.expanduser("~"), "~")
    return f"`{text}`" if text else "unset"
