from __future__ import annotations

import os
import stat

import msgspec
import pytest

from flowstone.cli.main import main

SOURCE = b"from prefect import flow\n\n@flow\ndef f():\n    pass\n"


@pytest.fixture
def project(tmp_path):
    def put(name, data=SOURCE):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    return put


def test_without_write_the_changes_are_shown_and_nothing_is_written(project, capsys):
    path = project("flows/a.py")
    assert main(["migrate", str(path.parent)]) == 0
    shown = capsys.readouterr().out
    assert "-from prefect import flow" in shown
    assert "+from flowstone import flow" in shown
    assert "1 file to rewrite, 0 to do by hand." in shown
    assert path.read_bytes() == SOURCE


def test_write_rewrites_the_programs_below_a_folder_and_keeps_their_modes(project, capsys):
    first, second = project("a.py"), project("deep/down/b.py")
    os.chmod(second, 0o750)
    assert main(["migrate", "--write", str(first.parent)]) == 0
    assert "2 files rewritten" in capsys.readouterr().out
    for path in (first, second):
        assert path.read_bytes() == SOURCE.replace(b"prefect", b"flowstone")
    assert stat.S_IMODE(second.stat().st_mode) == 0o750
    assert sorted(os.listdir(first.parent)) == ["a.py", "deep"]
    assert main(["migrate", str(first.parent)]) == 0
    assert capsys.readouterr().out == "Nothing here has to do with Prefect.\n"


def test_what_is_installed_hidden_or_built_is_not_looked_at(project, tmp_path, capsys):
    for folder in (".git", "node_modules/x", "build", "env/lib"):
        project(f"{folder}/a.py")
    project("env/pyvenv.cfg", b"")
    assert main(["migrate", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "Nothing here has to do with Prefect.\n"


def test_what_is_no_python_is_told_and_the_others_are_rewritten(project, tmp_path, capsys):
    project("bad.py", b"import prefect\ndef f(:\n")
    good = project("good.py")
    assert main(["migrate", "--write", str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert "bad.py: it is no Python that can be read: line 2" in shown
    assert good.read_bytes() != SOURCE


def test_lists_of_requirements_and_notebooks_are_left_to_their_writers(project, tmp_path, capsys):
    project("requirements.txt", b"# all of it\nprefect>=3\nprefect-dask\n")
    project("a.ipynb", b'{"cells": ["import prefect"]}')
    assert main(["migrate", "--write", "-o", "json", str(tmp_path)]) == 0
    shown = msgspec.json.decode(capsys.readouterr().out)
    assert [(one["is_changed"], [r["line"] for r in one["by_hand"]]) for one in shown] == [
        (False, [1]),
        (False, [2, 3]),
    ]


def test_a_path_that_is_not_there_is_refused(tmp_path, capsys):
    assert main(["migrate", str(tmp_path / "no.py")]) == 1
    assert "There is no" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_leaves_the_program_as_it_is(
    project, monkeypatch, capsys
):
    path = project("a.py")

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert main(["migrate", "--write", str(path)]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert (path.read_bytes(), os.listdir(path.parent)) == (SOURCE, ["a.py"])
