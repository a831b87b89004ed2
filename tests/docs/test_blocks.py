from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from flowstone.settings.declared import VARIABLES
from tests.docs.blocks import KINDS, ROOT, alike, blocks_of, fits, name_of, pages
from tests.docs.commands import inline_problems, problems

PAGES = pages()
RUN = [page for page in PAGES if any(b.kind in ("python", "console") for b in blocks_of(page))]


def run(words, folder, **more):
    bin_folder = os.path.dirname(sys.executable)
    environ = os.environ | {
        "FLOWSTONE_HOME": str(folder / "home"),
        "FLOWSTONE_SERVER_API_PORT": "0",  # the usual one may be taken
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "RAY_AUTH_MODE": "disabled",
        "COLUMNS": "200",
    }
    return subprocess.run(
        words,
        cwd=folder,
        env=environ,
        capture_output=True,
        check=False,
        text=True,
        timeout=100,
        **more,
    )


@pytest.fixture
def folder(tmp_path):
    """Give a folder for a page's programs, whose home no server is left over."""
    yield tmp_path
    if (tmp_path / "home" / "server.log").exists():
        run(["flowstone", "server", "stop"], tmp_path)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_each_program_and_command_of_a_page_does_what_the_page_says(page, folder):
    ended = None
    for number, block in enumerate(blocks_of(page)):
        place = f"{page.name}:{block.line}"
        if block.kind == "python":
            script = folder / block.options.get("title", f"block_{number}.py")
            script.write_text(block.text)
            if block.options.get("run") == "no":
                continue
            ended = run([sys.executable, script], folder)
            assert ended.returncode == int(block.options.get("exit", "0")), (place, ended.stderr)
        elif block.kind == "output":
            assert ended.stdout == block.text, place
        elif block.kind == "log":
            assert alike(ended.stderr) == alike(block.text), place
        elif block.kind == "console":
            for command in block.text.split("$ ")[1:]:
                line, _, wanted = command.partition("\n")
                done = run(line, folder, shell=True)
                assert done.returncode == 0, (place, line, done.stderr)
                assert fits(done.stdout, wanted), (place, line, done.stdout, wanted)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_says_what_it_is_and_every_command_is_there(page):
    for block in blocks_of(page):
        place = f"{page.name}:{block.line}"
        assert block.kind in KINDS, f"{place}: of which kind is it? One of {', '.join(KINDS)}"
        if block.kind == "sh":
            assert problems(block.text) == [], place
    assert inline_problems(page.read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_setting_that_a_page_names_is_there(page):
    named = set(re.findall(r"\bFLOWSTONE_[A-Z][A-Z_]*[A-Z]\b(?!_)", page.read_text()))
    logging = {name for name in named if name.startswith("FLOWSTONE_LOGGING_LOGGERS")}
    assert named - logging - set(VARIABLES) == set()


def test_every_file_that_newcomers_are_sent_to_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`([a-z][\w./-]*(?:\.\w+|/))`", text)) - {"task.__call__"}
    roots = (ROOT, ROOT / "src" / "flowstone")
    assert len(named) > 20
    assert {one for one in named if not any((root / one).exists() for root in roots)} == set()


@pytest.mark.parametrize(
    ("shown", "wanted", "does"),
    [
        ("a\nb\nc\n", "a\nb", True),
        ("a\nb\nc\n", "a…c", True),
        ("a\nb\nc\n", "c…a", False),
        ("a", "A", False),
    ],
)
def test_what_is_printed_is_compared_with_what_the_page_shows(shown, wanted, does):
    assert fits(shown, wanted) is does


def test_lines_of_a_log_are_compared_but_for_times_and_names():
    ours = (
        "05:32:40.702 | INFO    | Flow run 'sunlit-quarry' - Finished in state Completed() · 57 ms"
    )
    assert alike(ours) == alike(ours.replace("sunlit-quarry", "dry-ford").replace("57", "8.1"))
    assert alike(ours) != alike(ours.replace("Completed", "Failed"))


@pytest.mark.parametrize(
    "wrong",
    [
        "flowstone flow-run lst",
        "flowstone open --colour",
        "make tests",
        "export FLOWSTONE_API_ADDRESS=x",
        'pip install "flowstone[desk]"',
        ".venv/bin/python benchmarks/nothing.py",
        "rm -r x",
    ],
)
def test_a_command_that_is_not_there_is_found(wrong):
    assert len(problems(wrong)) == 1


def test_a_command_within_a_sentence_that_is_not_there_is_found():
    text = (
        "`flowstone cache stats`, `flowstone cash stats`, `flowstone cache states`, `flowstone log`"
    )
    assert len(inline_problems(text)) == 2
