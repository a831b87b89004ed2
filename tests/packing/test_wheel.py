"""The wheel: an environment of each Python that has it, and nothing of this tree, works with it."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path
from urllib.request import urlopen

import msgspec
import pytest

from flowstone.server.pages import page_directory
from flowstone.version import __version__
from tests.packing.interpreters import SECONDS, environment, interpreters, ran, tried

pytestmark = pytest.mark.timeout(2 * SECONDS)
ROOT = Path(__file__).parents[2]
PYTHONS = interpreters()
OWN = "{}.{}".format(*sys.version_info)
PROGRAM = """\
from typing import assert_type

from flowstone import flow, task


@task(retries=1)
def double(number: int) -> int:
    return 2 * number


@flow
def doubles(last: int) -> list[int]:
    assert_type(double(1), int)
    assert_type(double.submit(1).result(), int)
    return double.map(range(last)).result()


if __name__ == "__main__":
    print(doubles(4))
"""


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


@pytest.fixture(scope="module", params=PYTHONS)
def installed(request, wheel, tmp_path_factory):
    """Give an environment of each Python with the wheel in it."""
    folder = tmp_path_factory.mktemp(f"python{request.param}-")
    (folder / "program.py").write_text(PROGRAM)
    return environment(PYTHONS[request.param], request.param, wheel, folder)


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


def test_the_python_that_runs_the_tests_is_one_of_those_that_are_tried():
    assert OWN in PYTHONS


def test_flows_run_and_are_on_record_with_the_wheel_alone(installed):
    home = str(installed.folder / "home")
    where = ran(installed.python, "-c", "import flowstone; print(flowstone.__file__)")
    assert where.startswith(str(installed.folder))
    printed = ran(installed.python, str(installed.folder / "program.py"), FLOWSTONE_HOME=home)
    assert printed == "[0, 2, 4, 6]\n"
    listed = ran(installed.flowstone, "flow-run", "ls", "-o", "json", FLOWSTONE_HOME=home)
    (run,) = msgspec.json.decode(listed)
    assert (run["flow_name"], run["state_type"]) == ("doubles", "COMPLETED")
    assert __version__ in ran(installed.flowstone, "version", FLOWSTONE_HOME=home)


def test_an_empty_environment_with_the_wheel_serves_the_page(installed):
    home = str(installed.folder / "served")
    ran(installed.flowstone, "server", "start", "--background", "--port", "0", FLOWSTONE_HOME=home)
    try:
        status = ran(installed.flowstone, "server", "status", "-o", "json", FLOWSTONE_HOME=home)
        url = msgspec.json.decode(status)[0]["url"]
        with urlopen(f"{url}/runs", timeout=SECONDS) as answer:
            page = answer.read().decode()
        (script,) = re.findall(r'type="module"[^>]* src="(/assets/[^"]+)"', page)
        with urlopen(url + script, timeout=SECONDS) as answer:
            assert len(answer.read()) > 100_000
    finally:
        ran(installed.flowstone, "server", "stop", FLOWSTONE_HOME=home)


@pytest.mark.parametrize("installed", [OWN], indirect=True)
def test_a_type_checker_knows_the_types_of_the_wheel(installed, tmp_path):
    program = installed.folder / "program.py"
    check = [
        *(sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}"),
        *("--python-executable", installed.python),
    ]
    ran(*check, str(program))
    wrong = tmp_path / "wrong.py"
    wrong.write_text(PROGRAM.replace("assert_type(double(1), int)", "assert_type(double(1), str)"))
    said = tried(*check, str(wrong)).stdout
    assert 'Expression is of type "int", not "str"' in said
