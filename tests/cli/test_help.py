"""Help: of every command, 80 columns wide, with an example that works."""

from __future__ import annotations

import re
import shlex
from importlib import import_module

import pytest

from flowstone.cli.command import parser_of
from flowstone.cli.main import FAMILIES, main
from tests.cli.test_main import every_command

COMMANDS = [(" ".join(words), command) for words, command in every_command()]
IDS = [words for words, _ in COMMANDS]


def help_of(capsys, *words):
    assert main([*words, "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=IDS)
def test_it_fits_80_columns(words, command, capsys):
    lines = help_of(capsys, *words.split()).splitlines()
    assert [line for line in lines if len(line) > 80] == []


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=IDS)
def test_its_example_stands_on_a_line_of_its_own_and_parses(words, command, capsys):
    assert f"\nexample:\n  {command.example}\n" in help_of(capsys, *words.split())
    called = re.search(r"flowstone [^|)>]*", command.example)[0].strip()
    assert called.startswith(f"flowstone {words}")
    rest = shlex.split(called.removeprefix(f"flowstone {words}"))
    parser_of(command, words).parse_args(rest)


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=IDS)
def test_it_says_how_the_command_is_called_and_what_it_does(words, command, capsys):
    shown = " ".join(help_of(capsys, *words.split()).split())
    assert shown.startswith(f"usage: flowstone {words} ")
    assert " ".join(command.about.split()) in shown
    assert len(command.about) > 10


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=IDS)
def test_every_argument_is_explained(words, command):
    for action in parser_of(command, words)._actions:
        assert action.help, f"{words}: {action.dest}"


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_fits_80_columns_and_names_its_commands(family, capsys):
    lines = help_of(capsys, family).splitlines()
    assert [line for line in lines if len(line) > 80] == []
    commands = import_module(f"flowstone.cli.{family.replace('-', '_')}").COMMANDS
    for name in commands if isinstance(commands, dict) else ():
        assert any(re.match(rf"  {name}\s", line) for line in lines)
        assert name in FAMILIES[family]


def test_the_first_help_fits_80_columns_and_has_examples_that_work(capsys):
    lines = help_of(capsys).splitlines()
    assert [line for line in lines if len(line) > 80] == []
    begin = lines.index("examples:") + 1
    examples = lines[begin : lines.index("", begin)]
    assert len(examples) >= 3
    for example in examples:
        _, *words = shlex.split(example)
        command = import_module("flowstone.cli." + words[0].replace("-", "_")).COMMANDS
        used = 1
        if isinstance(command, dict):
            command, used = command[words[1]], 2
        parser_of(command, " ".join(words[:used])).parse_args(words[used:])
