"""The wheel: it brings the page, and an environment with nothing else of ours serves it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from urllib.request import urlopen

import msgspec
import pytest

from flowstone.server.pages import page_directory

pytestmark = pytest.mark.timeout(180)
ROOT = Path(__file__).parents[2]
SECONDS = 120


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Give a wheel of this tree, packed without the network."""
    if not page_directory().endswith("app"):
        pytest.skip("needs the built page: scripts/build-ui")
    folder = tmp_path_factory.mktemp("wheel")
    ran(
        *(sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check"),
        *("--no-deps", "--no-index", "--no-build-isolation", "-w", str(folder), str(ROOT)),
    )
    (found,) = folder.glob("*.whl")
    return found


def ran(*words, **variables):
    """What a command prints; it has to succeed."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        words,
        env={**environ, **variables},
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd="/",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_wheel_has_the_page_the_plain_page_and_the_migrations(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        index = archive.read("flowstone/server/static/app/index.html").decode()
    for asked in re.findall(r'(?:src|href)="/([^"]+)"', index):
        assert f"flowstone/server/static/app/{asked}" in names
    assert "flowstone/server/static/plain/index.html" in names
    assert "flowstone/py.typed" in names
    assert any(name.endswith(".sql") for name in names)
    assert not [name for name in names if name.startswith(("ui/", "tests/", "node_modules/"))]


def test_an_empty_environment_with_the_wheel_serves_the_page(wheel, tmp_path):
    place, home = tmp_path / "environment", tmp_path / "home"
    ran(sys.executable, "-m", "venv", "--without-pip", str(place))
    python, flowstone = str(place / "bin" / "python"), str(place / "bin" / "flowstone")
    ran(
        *(sys.executable, "-m", "pip", "--python", python, "install", "-q"),
        *("--disable-pip-version-check", "--no-deps", "--no-index", str(wheel)),
    )
    # What it depends on is borrowed from here, behind its own packages.
    (site,) = (place / "lib").glob("python*/site-packages")
    site.joinpath("borrowed.pth").write_text(sysconfig.get_path("purelib"))
    where = ran(python, "-c", "import flowstone; print(flowstone.__file__)")
    assert where.startswith(str(place))
    ran(flowstone, "server", "start", "--background", "--port", "0", FLOWSTONE_HOME=str(home))
    try:
        status = ran(flowstone, "server", "status", "-o", "json", FLOWSTONE_HOME=str(home))
        url = msgspec.json.decode(status)[0]["url"]
        with urlopen(f"{url}/runs", timeout=SECONDS) as answer:
            page = answer.read().decode()
        (script,) = re.findall(r'type="module"[^>]* src="(/assets/[^"]+)"', page)
        with urlopen(url + script, timeout=SECONDS) as answer:
            assert len(answer.read()) > 100_000
    finally:
        ran(flowstone, "server", "stop", FLOWSTONE_HOME=str(home))
