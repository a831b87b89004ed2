"""How words become a command, and what went wrong becomes one line and an exit code."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import warnings
from importlib import import_module

import msgspec
import pytest

from flowstone.cli import config
from flowstone.cli.command import Command, CommandError
from flowstone.cli.main import FAMILIES, main
from flowstone.settings.loading import SettingsWarning
from flowstone.version import __version__


def every_command():
    for family in FAMILIES:
        commands = import_module("flowstone.cli." + family.replace("-", "_")).COMMANDS
        if isinstance(commands, Command):
            yield [family], commands
        else:
            yield from (([family, name], command) for name, command in commands.items())


def test_without_words_the_commands_are_listed_and_it_counts_as_wrong_usage(capsys):
    assert main([]) == 2
    out = capsys.readouterr().out
    assert all(family in out for family in FAMILIES)


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"]])
def test_help_lists_every_family(words, capsys):
    assert main(words) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert all(f"{family} {about}" in out for family, about in FAMILIES.items())


def test_a_family_without_a_second_word_lists_its_commands(capsys):
    assert main(["config"]) == 2
    assert main(["config", "--help"]) == 0
    assert "view" in capsys.readouterr().out


def test_an_unknown_command_suggests_the_nearest(capsys):
    assert main(["flowrun", "ls"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Error: there is no command 'flowrun'. Did you mean 'flow-run'?")


def test_an_unknown_second_word_suggests_the_nearest_and_lists_the_others(capsys):
    assert main(["config", "viev"]) == 2
    assert capsys.readouterr().err == (
        "Error: 'config' has no command 'viev'. Did you mean 'view'? "
        "It has: view, set, unset, validate.\n"
    )


def test_an_unknown_option_suggests_the_nearest(capsys):
    assert main(["flow-run", "ls", "--stat", "failed"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Error: unrecognized arguments: --stat failed. Did you mean '--state'?")


def test_a_wrong_argument_shows_the_usage_and_no_traceback(capsys):
    assert main(["version", "-o", "yaml"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Error: argument -o/--output: invalid choice: 'yaml'")
    assert "usage: flowstone version" in err


def test_each_command_has_a_sentence_and_an_example_that_calls_it(capsys):
    for words, command in every_command():
        assert main([*words, "--help"]) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert command.about in out
        assert command.example in out
        assert f"flowstone {' '.join(words)}" in command.example
        assert re.fullmatch(r"[A-Z].*\.", command.about)


def test_version_short_and_long(capsys, home):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"
    assert main(["version"]) == 0
    out = capsys.readouterr().out
    assert f"flowstone  {__version__}\n" in out
    assert str(home) in out
    assert main(["version", "-o", "json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out)["home"] == str(home)


def test_config_view_shows_values_and_where_they_come_from(capsys, monkeypatch):
    monkeypatch.setenv("FLOWSTONE_LOGGING_LEVEL", "debug")
    monkeypatch.setenv("FLOWSTONE_TASKS_DEFAULT_RETRY_DELAY_SECONDS", "1,2.5")
    assert main(["config", "view"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^logging\.level +DEBUG +FLOWSTONE_LOGGING_LEVEL$", out, re.MULTILINE)
    assert re.search(r"^tasks\.default_retry_delay_seconds +1,2\.5 +FLOW", out, re.MULTILINE)
    assert re.search(r"^log\.buffer_bytes +64MiB +default$", out, re.MULTILINE)
    assert re.search(r"^logging\.log_prints +false +default$", out, re.MULTILINE)
    assert "Unknown" not in out


def test_config_view_as_json_is_a_list_of_settings(capsys):
    assert main(["config", "view", "-o", "json"]) == 0
    listed = msgspec.json.decode(capsys.readouterr().out)
    assert {
        "name": "log.sync",
        "variable": "FLOWSTONE_LOG_SYNC",
        "value": "none",
        "source": "default",
    } in listed


def test_config_view_reports_unknown_variables_with_the_nearest_name(capsys, monkeypatch):
    monkeypatch.setenv("FLOWSTONE_LOGING_LEVEL", "DEBUG")
    monkeypatch.setenv("FLOWSTONE_TEST_POSTGRES_URL", "x")
    assert main(["config", "view"]) == 0
    assert (
        "Unknown: FLOWSTONE_LOGING_LEVEL is no setting. Did you mean 'FLOWSTONE_LOGGING_LEVEL'?"
        in capsys.readouterr().out
    )


def test_a_setting_with_a_wrong_value_is_one_line(capsys, monkeypatch):
    monkeypatch.setenv("FLOWSTONE_LOG_SYNC", "sometimes")
    assert main(["config", "view"]) == 1
    assert capsys.readouterr().err == (
        "Error: FLOWSTONE_LOG_SYNC is 'sometimes'; it must be one of none, interval, always\n"
    )


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (CommandError("no such run"), 1, "Error: no such run\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
    ],
)
def test_what_a_command_raises_becomes_an_exit_code(monkeypatch, capsys, raised, code, line):
    def do(arguments):
        raise raised

    command = Command("Fails.", "flowstone config view", lambda parser: None, do)
    monkeypatch.setitem(config.COMMANDS, "view", command)
    assert main(["config", "view"]) == code
    assert capsys.readouterr().err == line


def test_a_reader_that_goes_away_ends_it_quietly():
    code = (
        "import os, sys; from flowstone.cli.main import main; "
        "os.close(os.dup(1)); sys.exit(main(['config', 'view']))"
    )
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert done.returncode == 141
    assert done.stderr == b""


def test_text_that_the_output_cannot_encode_is_escaped(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("FLOWSTONE_HOME", "/tmp/flüsse")
    assert main(["version"]) == 0
    assert b"/tmp/fl\\xfcsse" in out.buffer.getvalue()


def test_only_the_family_that_is_asked_for_is_imported():
    code = (
        "import sys; from flowstone.cli.main import main; main(['version', '--short']); "
        "print([m for m in sys.modules if m.startswith('flowstone.store') or m in "
        "('sqlite3', 'pydantic', 'rich', 'asyncio', 'flowstone.flows')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1] == "[]"


def test_a_warning_of_ours_is_one_line_without_a_place_in_our_code(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("FLOWSTONE_HOME", str(tmp_path / "home"))
    command = Command("Warns.", "flowstone config view", lambda _parser: None, _warns)
    monkeypatch.setattr(config, "COMMANDS", {"view": command})
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["config", "view"]) == 0
    assert capsys.readouterr().err == "Warning: 'leval' is no setting\n"


def _warns(_arguments):
    warnings.warn("'leval' is no setting", SettingsWarning, stacklevel=1)
    return 0
