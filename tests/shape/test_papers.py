from __future__ import annotations

from pathlib import Path

from tests.shape import papers

ROOT = Path(__file__).parents[2]


def test_no_file_names_a_folder_of_this_machine():
    tracked = papers.tracked_files(ROOT)
    folders = papers.machine_paths(ROOT, Path.home())
    assert papers.path_violations(tracked, folders) == []


def test_every_link_in_the_documentation_leads_somewhere():
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    documents += (ROOT / "benchmarks").glob("*.md")
    assert papers.link_violations(documents) == []


def test_a_folder_of_this_machine_in_a_file_is_found(tmp_path):
    good, bad = tmp_path / "good.md", tmp_path / "bad.md"
    good.write_text("see /srv/cloned-elsewhere, a/srv/clone and ./srv/clone")
    bad.write_text("first\nrun /srv/clone/bin/x\n")
    found = papers.path_violations([good, bad], ["/srv/clone"])
    assert found == [f"{bad}:2: names /srv/clone, a folder of this machine"]


def test_a_link_that_leads_nowhere_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# The log, in short\n[a](page.md#the-log-in-short) [b](https://example.org/x)\n"
        "[c](gone.md) [d](#no-such-heading) `[e](in-code.md)`\n"
    )
    assert papers.link_violations([page]) == [
        f"{page}: links to gone.md, and there is no such file",
        f"{page}: links to #no-such-heading, and there is no such heading",
    ]


def test_no_lock_file_names_where_packages_were_fetched_from():
    for path in papers.tracked_files(ROOT):
        if path.name in ("package-lock.json", "uv.lock", "poetry.lock", "yarn.lock"):
            assert '"resolved"' not in path.read_text(encoding="utf-8"), path
