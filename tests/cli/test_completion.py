"""Completion: what a shell is told may come next."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowstone.cli.completion import next_words
from flowstone.cli.main import FAMILIES, main

PROGRAM = Path(sys.executable).with_name("flowstone")


def test_the_first_word_is_a_command():
    assert next_words(["flow"]) == ["flow-run"]
    assert set(FAMILIES) < set(next_words([""]))
    assert next_words(["--pro"]) == ["--profile"]
    assert next_words(["--profile", "ci", "flow"]) == ["flow-run"]


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (["flow-run", ""], {"ls", "inspect", "delete", "--help"}),
        (["flow-run", "ls", "--s"], {"--state", "--since"}),
        (["flow-run", "ls", "--state", "F"], {"Failed"}),
        (["flow-run", "ls", "--limit", "3", "--o"], {"--output"}),
        (["flow-run", "ls", "-o", ""], {"json", "table"}),
        (["version", "-o", "j"], {"json"}),
        (["doctor", ""], {"--output", "-o", "--help", "-h"}),
        (["completion", ""], {"bash", "zsh", "fish", "--help"}),
        (["gcl", "create", "db", "--l"], {"--limit"}),
    ],
)
def test_what_may_follow(words, some):
    assert set(next_words(words)) == some if words[-1] else some <= set(next_words(words))


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense", ""],
        ["flow-run", "nonsense", ""],
        ["run", ""],
        ["flow-run", "ls", "--limit", ""],
        ["flow-run", "inspect", ""],
        ["flow-run", "ls", "--flow", ""],
    ],
)
def test_where_nothing_is_known_nothing_is_said_so_that_the_shell_offers_files(words):
    assert next_words(words) == []


def test_runs_flows_and_tasks_are_offered_by_name(cli, log):
    otter = log.flow_run("brave-otter", flow="etl")
    log.flow_run("two words", flow="other;flow")
    log.task_run("load-0", task="load", flow_run=otter)
    log.write()
    assert next_words(["flow-run", "inspect", ""]) == []
    cli("flow-run", "ls")
    assert next_words(["flow-run", "inspect", ""]) == ["brave-otter"]
    assert next_words(["flow-run", "logs", "--tail", "3", "br"]) == ["brave-otter"]
    assert next_words(["flow-run", "delete", "brave-otter", ""]) == ["brave-otter"]
    assert next_words(["flow-run", "ls", "--flow", ""]) == ["etl"]
    assert next_words(["task-run", "ls", "--flow-run", ""]) == ["brave-otter"]
    assert next_words(["task-run", "inspect", "lo"]) == ["load-0"]
    assert next_words(["task-run", "ls", "--task", ""]) == ["load"]


def test_a_store_that_cannot_be_read_offers_nothing(home):
    home.mkdir()
    (home / "flowstone.db").write_bytes(b"no database")
    assert next_words(["flow-run", "inspect", ""]) == []


def test_wrong_settings_offer_nothing_either(monkeypatch):
    monkeypatch.setenv("FLOWSTONE_LOG_SYNC", "maybe")
    assert next_words(["flow-run", "inspect", ""]) == []
    assert next_words(["flow"]) == ["flow-run"]


def test_a_shell_without_a_script_is_wrong_usage(capsys):
    assert main(["completion", "tcsh"]) == 2
    assert "It has: bash, zsh, fish." in capsys.readouterr().err


def _in_shell(shell: str, script: str) -> list[str]:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    command = [shell, "--norc", "-c", script] if shell == "bash" else [shell, "-c", script]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": path},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("flowstone vers", ["version"]),
        ("flowstone flow-run ''", ["--help", "cancel", "delete"]),
        (f"{PROGRAM} flow-run ls --state Fai", ["Failed"]),
    ],
)
def test_bash_completes(words, expected):
    script = (
        "source <(flowstone completion bash)\n"
        f"COMP_WORDS=({words})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n_flowstone\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\ncomplete -p flowstone >/dev/null'
    )
    assert _in_shell("bash", script)[: len(expected)] == expected


def test_zsh_reads_the_script_and_completes():
    script = (
        "autoload -Uz compinit && compinit -D -u\nsource <(flowstone completion zsh)\n"
        'compadd() { shift; printf "%s\\n" "$@" }\n'
        "words=(flowstone vers)\nCURRENT=2\n_flowstone"
    )
    assert _in_shell("zsh", script) == ["version"]


def test_fish_completes():
    script = "flowstone completion fish | source\ncomplete -C 'flowstone vers'"
    assert _in_shell("fish", script) == ["version"]
