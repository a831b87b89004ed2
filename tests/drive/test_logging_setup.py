from __future__ import annotations

import json
import logging
import sys

import pytest

from flowstone import flow, get_run_logger, task
from flowstone.core.ids import id_text
from flowstone.drive import logging_setup
from flowstone.logging import get_logger
from flowstone.logging.configuration import (
    LoggingConfigError,
    load_logging_config,
    setup_logging,
)
from flowstone.settings import LoggingSettings, Settings
from flowstone.store.queries import open_store
from flowstone.wiring.process import PROCESS
from tests.face.conftest import home, recorded

__all__ = ["home", "recorded"]


@pytest.fixture
def configured(home, monkeypatch):
    """Set the settings of logging, in a process where nothing was set up before."""
    names = ("", "flowstone", "flowstone.flow_runs", "flowstone.task_runs", "app")
    for logger in map(logging.getLogger, names):
        if logger.name != "root":
            monkeypatch.setattr(logger, "handlers", [])
        monkeypatch.setattr(logger, "level", logging.NOTSET if logger.parent else logger.level)
        monkeypatch.setattr(logger, "propagate", logger.propagate)
    monkeypatch.setattr(logging_setup, "_InForce", type("_InForce", (logging_setup._InForce,), {}))

    def configure(**wishes):
        PROCESS.restart(Settings(home=str(home), logging=LoggingSettings(**wishes)))

    configure(colors=False)
    yield configure
    logging_setup._take_back()


def shown(capsys):
    return capsys.readouterr().err.splitlines()


CONFIG = {
    "version": 1,
    "formatters": {"short": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {
        "out": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stderr",
            "formatter": "short",
        }
    },
    "loggers": {"flowstone": {"level": "WARNING", "handlers": ["out"]}, "app": {"handlers": []}},
}
TOML = """
version = 1
[formatters.short]
format = "%(levelname)s %(name)s: %(message)s"
[handlers.out]
class = "logging.StreamHandler"
stream = "ext://sys.stderr"
formatter = "short"
[loggers.flowstone]
level = "WARNING"
handlers = ["out"]
[loggers.app]
handlers = []
"""


@pytest.mark.parametrize("name", ["logging.json", "logging.yml", "logging.yaml", "logging.toml"])
def test_a_configuration_in_the_home_takes_the_place_of_the_usual_one(
    configured, home, capsys, monkeypatch, name
):
    fake = type(sys)("yaml")
    fake.safe_load = json.loads  # JSON is YAML too
    monkeypatch.setitem(sys.modules, "yaml", fake)
    (home / name).write_text(TOML if name.endswith("toml") else json.dumps(CONFIG))
    get_logger("x").warning("shown")
    get_logger("x").info("too low")
    assert shown(capsys) == ["WARNING flowstone.x: shown"]


def test_a_configuration_may_lie_anywhere(configured, tmp_path, capsys):
    path = tmp_path / "elsewhere.json"
    path.write_text(json.dumps(CONFIG))
    configured(config_path=str(path))
    get_logger("x").warning("shown")
    assert shown(capsys) == ["WARNING flowstone.x: shown"]
    assert load_logging_config(path) == CONFIG


def test_runs_are_recorded_whatever_a_configuration_shows(configured, home, recorded, capsys):
    (home / "logging.json").write_text(json.dumps({"version": 1}))

    @flow
    def runs():
        get_run_logger().info("recorded")

    runs()
    assert "recorded" in recorded.lines
    assert shown(capsys) == []


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("missing.json", None, "cannot be read: .*No such file"),
        ("a.json", "{", "cannot be read"),
        ("a.toml", "x", "cannot be read"),
        ("a.ini", "x", r"must end in \.yml, \.yaml, \.toml or \.json"),
        ("a.json", "[]", "is list; it must be a mapping"),
        ("a.json", '{"version": 7}', "Logging cannot be configured by .*Unsupported version"),
        (
            "a.json",
            '{"version": 1, "handlers": {"x": {"class": "no.such.Thing"}}}',
            "Unable to configure handler 'x': .*no",
        ),
    ],
)
def test_a_configuration_that_cannot_be_is_refused_by_its_name(
    configured, tmp_path, name, text, says
):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    configured(config_path=str(path))
    for _ in range(2):  # not once only
        with pytest.raises(LoggingConfigError, match=says) as caught:
            setup_logging()
        assert str(path) in str(caught.value)


def test_yaml_without_its_library_says_what_to_do(configured, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "a.yml").write_text("version: 1")
    with pytest.raises(LoggingConfigError, match=r"pip install pyyaml.*logging\.toml"):
        load_logging_config(tmp_path / "a.yml")


def test_a_variable_changes_one_place_of_the_file(configured, home, capsys, monkeypatch):
    (home / "logging.json").write_text(json.dumps(CONFIG))
    monkeypatch.setenv("FLOWSTONE_LOGGING_LOGGERS_FLOWSTONE_LEVEL", "INFO")
    monkeypatch.setenv("FLOWSTONE_LOGGING_FORMATTERS_SHORT_FORMAT", "%(message)s!")
    monkeypatch.setenv("FLOWSTONE_LOGGING_LOGGERS_APP_HANDLERS", "out,")
    get_logger("x").info("a")
    logging.getLogger("app").warning("b")
    assert shown(capsys) == ["a!", "b!"]


def test_variables_change_the_usual_configuration_too(configured, capsys, monkeypatch):
    start = "FLOWSTONE_LOGGING_FORMATTERS_STANDARD"
    monkeypatch.setenv(f"{start}_FLOW_RUN_FMT", "%(asctime)s %(flow_name)s> %(message)s")
    monkeypatch.setenv(f"{start}_DATEFMT", "at %Y")
    monkeypatch.setenv("FLOWSTONE_LOGGING_LOGGERS_FLOWSTONE_TASK_RUNS_LEVEL", "40")
    configured(colors=True)

    @task
    def quiet():
        get_run_logger().warning("too low")

    @flow(name="f")
    def runs():
        get_run_logger().info("a")
        quiet()

    runs()
    lines = shown(capsys)
    assert lines[1].startswith("at 20")
    assert lines[1].endswith(" f> a")
    assert not any("too low" in line for line in lines)


def test_an_applications_own_logging_is_left_alone(configured, home, tmp_path, capsys):
    """`dictConfig` would close its files, and a `root` take its handlers."""
    root, kept = logging.getLogger(), logging.getLogger().handlers[:]
    own = logging.FileHandler(tmp_path / "app.log", mode="w")
    root.addHandler(own)
    config = {**CONFIG, "root": {"level": "DEBUG", "handlers": ["out"]}}
    (home / "logging.json").write_text(json.dumps(config))
    before = logging.getLogger("some.library.of.before")
    try:
        setup_logging()
        assert root.handlers == [*kept, own]
        before.warning("to the file")
    finally:
        root.removeHandler(own)
        own.close()
    assert "to the file" in (tmp_path / "app.log").read_text()


def test_lines_are_json_where_that_is_wished(configured, capsys):
    configured(json=True, extra_loggers=("app",))

    @task(name="t")
    def works():
        logging.getLogger("app").warning("plain", extra={"customer": {"id": 5}, "odd": object()})
        try:
            raise ValueError("x")
        except ValueError:
            get_run_logger().exception("failed %d\ntimes", 2)

    @flow(name="f", flow_run_name="it")
    def runs():
        works()

    runs()
    lines = [json.loads(line) for line in shown(capsys)]
    [plain] = [line for line in lines if line["logger"] == "app"]
    [failed] = [line for line in lines if line["message"] == "failed 2\ntimes"]
    assert plain["message"] == "plain"
    assert plain["customer"] == {"id": 5}
    assert plain["odd"] == "<object>"
    for line in (plain, failed):
        assert (line["flow_name"], line["flow_run_name"]) == ("f", "it")
        assert (line["task_name"], line["task_run_name"]) == ("t", "t-0")
        assert len(line["task_run_id"]) == len(line["flow_run_id"]) == 36
        assert line["time"].endswith("Z")
    assert failed["level"] == "ERROR"
    assert failed["traceback"].endswith("ValueError: x")
    assert lines[-1]["message"].startswith("Finished in state Completed()")
    assert not any(name.startswith("_") for line in lines for name in line)


def test_whole_texts_are_found_by_the_line_and_go_with_the_run(configured, home):
    configured(max_line_bytes=1024)

    @task
    def works():
        get_run_logger().error("x" * 2000)

    @flow(flow_run_name="it")
    def runs():
        works()
        works()

    runs()
    with open_store(home) as store:
        row = store.find_flow_run("it")
        found = [line.message for line in store.lines(flow_run=row.id) if "xxx" in line.message]
        paths = [message.rpartition(" is in ")[2] for message in found]
        folder = home / "long-lines" / id_text(row.id)
        assert sorted(paths) == sorted(map(str, folder.iterdir()))
        assert len(paths) == 2
        store.delete_flow_run(row.id)
    assert not folder.exists()


def test_a_level_that_was_changed_for_a_while_is_still_ours_to_change(configured, home):
    logger = logging.getLogger("flowstone")
    setup_logging()
    ours = logger.level
    logger.setLevel(logging.ERROR)  # as a test's fixture does for one block
    configured(level=logging.WARNING)
    setup_logging()
    assert logger.level == logging.ERROR
    logger.setLevel(ours)
    configured(level=logging.DEBUG)
    setup_logging()
    assert logger.level == logging.DEBUG
