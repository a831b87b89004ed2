"""The files of the page: those that are there, and nothing else of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from flowstone.core.ids import id_text
from flowstone.server import app as application
from flowstone.server import pages
from flowstone.store.databases import EmbeddedDatabase
from tests.server.commands import ran
from tests.server.serving import listening, served

OUTSIDE = [
    "/../server.lock",
    "/%2e%2e/server.lock",
    "/..%2fserver.lock",
    "/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/assets/../../secret.txt",
    "/assets/..%5c..%5csecret.txt",
    "//etc/passwd.x",
    "/%00.js",
    "/plain.js%00",
    "/file:///etc/passwd.x",
    "/secret.txt",
    "/" + "a" * 5000 + ".js",
]


@pytest.fixture
def database(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return EmbeddedDatabase(home)


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A page as a build leaves it, beside a file that is no part of it."""
    directory = tmp_path / "static"
    (directory / "assets").mkdir(parents=True)
    (directory / "index.html").write_text("<!doctype html><p>the page")
    (directory / "assets" / "index-1a2b.js").write_text("go()")
    (tmp_path / "secret.txt").write_text("hush")
    monkeypatch.setattr(application, "page_directory", lambda: str(directory))
    return directory


@pytest.fixture
def plain(monkeypatch):
    """The page while none was built."""
    directory = os.path.join(pages._STATIC, "plain")
    monkeypatch.setattr(application, "page_directory", lambda: directory)


def test_no_path_leads_out_of_the_page(database, built):
    with served(database) as client:
        for path in OUTSIDE:
            answer = client.get(path)
            assert answer.status_code == 404, path
            assert "hush" not in answer.text
            assert "root:" not in answer.text


def test_every_place_within_the_page_is_the_page(database, built):
    with served(database) as client:
        named = ("/flows/etl.nightly", "/tasks/load%20v1.2", "/tasks/a%2Fb.c")
        for path in ("/", "/flow-runs/0198", "/login?next=%2F", "/any/place", *named):
            answer = client.get(path)
            assert answer.status_code == 200
            assert answer.text.endswith("the page")
            assert answer.headers["content-type"].startswith("text/html")
            assert answer.headers["cache-control"] == "no-cache"


def test_what_is_built_is_kept_by_browsers_and_the_page_asked_for_anew(database, built):
    with served(database) as client:
        asset = client.get("/assets/index-1a2b.js")
        assert asset.text == "go()"
        assert "javascript" in asset.headers["content-type"]
        assert "immutable" in asset.headers["cache-control"]
        page = client.get("/")
        again = client.get("/", headers={"If-None-Match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_the_page_needs_no_token_and_what_it_shows_does(database, built):
    with served(database, server__api__host="0.0.0.0") as client:
        assert client.get("/").status_code == 200
        assert client.get("/api/flow-runs").status_code == 401


def test_nothing_changes_by_a_path_of_the_page(database, built):
    with served(database) as client:
        assert client.post("/").status_code == 405
        assert client.post("/flow-runs/0198").status_code == 405


def test_the_plain_page_holds_nothing_that_the_policy_refuses(database, plain):
    with served(database) as client:
        text = client.get("/").text
        for name in ("plain.js", "plain.css"):
            assert f"/{name}" in text
            assert client.get(f"/{name}").status_code == 200
    assert "<style" not in text
    assert text.count("<script") == text.count('<script type="module" src=') == 1
    assert " on" not in text.replace(" one", "")


def test_the_script_of_the_plain_page_never_makes_markup_of_text(plain):
    with open(os.path.join(pages._STATIC, "plain", "plain.js"), encoding="utf-8") as file:
        script = file.read()
    assert "innerHTML =" not in script
    for way in ("outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert way not in script


@pytest.mark.timeout(90)
def test_names_and_lines_with_markup_are_shown_and_never_run(database, tmp_path, plain):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs Chromium")
    ran(
        database.home,
        "from flowstone import flow, task, get_run_logger\n"
        "evil = '<img src=x onerror=document.title=1><script>document.title=2</script>'\n"
        "@task(task_run_name=evil)\n"
        "def t(): get_run_logger().warning(evil)\n"
        "@flow(flow_run_name=evil)\n"
        "def f(): t()\n"
        "f()\n",
    )
    database.collect()
    with database.store() as store:
        (flow_run,) = store.flow_runs()
        (task_run,) = store.task_runs()
    places = [f"/flow-runs/{id_text(flow_run.id)}", f"/task-runs/{id_text(task_run.id)}"]
    with listening(database) as url:
        for path in ("/", *places):
            dumped = _dumped(browser, url + path, tmp_path)
            assert "&lt;img src=x onerror" in dumped, path
            assert "<img" not in dumped
            assert "<title>Flowstone</title>" in dumped


def _dumped(browser, url, tmp_path):
    """What the browser made of a page."""
    return subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=3000",
            "--dump-dom",
            url,
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
