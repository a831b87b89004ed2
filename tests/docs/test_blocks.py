from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.docs.blocks import DOCS, blocks_of, fits, pages

PAGES = [page for page in pages() if any(b.kind == "python" for b in blocks_of(page))]


def run(words, folder, **more):
    bin_folder = os.path.dirname(sys.executable)
    environ = os.environ | {
        "FLOWSTONE_HOME": str(folder / "home"),
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
        timeout=50,
        **more,
    )


@pytest.mark.timeout(100)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_each_program_and_command_of_a_page_does_what_the_page_says(page, tmp_path):
    printed = ""
    for number, block in enumerate(blocks_of(page)):
        place = f"{page.name}:{block.line}"
        if block.kind == "python":
            script = tmp_path / block.options.get("title", f"block_{number}.py")
            script.write_text(block.text)
            if block.options.get("run") == "no":
                continue
            ended = run([sys.executable, script], tmp_path)
            assert ended.returncode == int(block.options.get("exit", "0")), (place, ended.stderr)
            printed = ended.stdout
        elif block.kind == "output":
            assert printed == block.text, place
        elif block.kind == "console":
            for command in block.text.split("$ ")[1:]:
                line, _, wanted = command.partition("\n")
                ended = run(line, tmp_path, shell=True)
                assert ended.returncode == 0, (place, line, ended.stderr)
                assert fits(ended.stdout, wanted), (place, line, ended.stdout, wanted)


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
