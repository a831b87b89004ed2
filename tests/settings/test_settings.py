"""What the variables of the environment make of the settings, and what they may not be."""

from __future__ import annotations

import logging
import subprocess
import sys
import tomllib

import pytest

from flowstone.settings import (
    Described,
    FlowSettings,
    LogSettings,
    Settings,
    SettingsError,
    TaskSettings,
    describe,
    files,
    load,
    variable,
)
from flowstone.settings.declared import KNOWN


def test_without_variables_every_setting_has_its_default(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    settings = load({})
    assert settings.home == "/home/ada/.flowstone"
    assert settings.log == LogSettings(sync="none", buffer_bytes=64 << 20, segment_bytes=64 << 20)
    assert settings.logging.level == logging.INFO
    assert settings.logging.colors is None
    assert settings.logging.log_prints is False
    assert settings.tasks == TaskSettings()
    assert settings.flows == FlowSettings(stop_grace_seconds=5.0)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("home", "/srv/flows/", "/srv/flows"),
        ("live", "0", False),
        ("log.sync", "Always", "always"),
        ("log.buffer_bytes", "1048576", 1 << 20),
        ("log.buffer_bytes", "2 GiB", 2 << 30),
        ("log.segment_bytes", "16mib", 16 << 20),
        ("logging.level", "debug", 10),
        ("logging.level", "25", 25),
        ("logging.colors", "off", False),
        ("logging.log_prints", "1", True),
        ("tasks.default_retries", "3", 3),
        ("tasks.default_retry_delay_seconds", "0.5", 0.5),
        ("tasks.default_retry_delay_seconds", "1, 10,100", (1.0, 10.0, 100.0)),
        ("flows.default_retries", " 2 ", 2),
        ("flows.default_retry_delay_seconds", "[1, 2]", (1.0, 2.0)),
    ],
)
def test_a_variable_sets_its_setting_and_is_named_as_the_source(name, text, value):
    environ = {variable(name): text}
    described = {one.name: one for one in describe(environ)}
    assert described[name].value == value
    assert described[name].source == variable(name)
    assert [one for one in described.values() if one.source != "default"] == [described[name]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("log.sync", "sometimes"),
        ("log.buffer_bytes", "1023"),
        ("log.buffer_bytes", "many"),
        ("log.segment_bytes", "-1"),
        ("logging.level", "LOUD"),
        ("logging.level", "-3"),
        ("logging.colors", "maybe"),
        ("logging.log_prints", "2"),
        ("tasks.default_retries", "-1"),
        ("tasks.default_retries", "1.5"),
        ("tasks.default_retry_delay_seconds", "-1"),
        ("tasks.default_retry_delay_seconds", "nan"),
        ("tasks.default_retry_delay_seconds", "inf"),
        ("tasks.default_retry_delay_seconds", "1,,2"),
        ("flows.default_retry_delay_seconds", ",".join(["1"] * 51)),
        ("flows.default_retry_delay_seconds", "[]"),
    ],
)
def test_a_wrong_value_is_refused_with_the_variable_the_value_and_what_is_allowed(name, text):
    with pytest.raises(SettingsError) as caught:
        load({variable(name): text})
    assert variable(name) in str(caught.value)
    assert repr(text) in str(caught.value)
    assert KNOWN[name].allowed in str(caught.value)


def test_fifty_delays_are_the_most_that_fit():
    text = ",".join(["1"] * 50)
    settings = load({"FLOWSTONE_FLOWS_DEFAULT_RETRY_DELAY_SECONDS": text})
    assert settings.flows.default_retry_delay_seconds == (1.0,) * 50


def test_an_empty_variable_counts_as_not_set():
    assert load({"FLOWSTONE_LOG_SYNC": "", "NO_COLOR": ""}) == load({})


def test_no_color_turns_colours_off_unless_our_own_variable_says_otherwise():
    assert load({"NO_COLOR": "1"}).logging.colors is False
    assert Described("logging.colors", False, "NO_COLOR") in describe({"NO_COLOR": "1"})
    assert load({"NO_COLOR": "1", "FLOWSTONE_LOGGING_COLORS": "true"}).logging.colors is True


def test_a_home_that_begins_with_a_tilde_or_is_relative_becomes_a_full_path(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.chdir(tmp_path)
    assert load({"FLOWSTONE_HOME": "~/runs"}).home == "/home/ada/runs"
    assert load({"FLOWSTONE_HOME": "runs"}).home == str(tmp_path / "runs")


@pytest.mark.parametrize(
    "name",
    ["FLOWSTONE_TEST_X", "FLOWSTONE__RUNTIME__FLOW_RUN__NAME", "FLOWSTONE_LOGGING_ROOT_LEVEL"],
)
def test_variables_that_are_read_elsewhere_are_passed_over(name):
    assert load({name: "x", "PATH": "/bin"}) == load({})


def test_every_field_of_the_settings_is_known_by_its_dotted_name():
    fields = []
    for part in Settings.__struct_fields__:
        value = getattr(Settings(), part)
        fields += names_within(part, value)
    assert sorted(fields) == sorted(KNOWN)


def names_within(name, value):
    inner = getattr(value, "__struct_fields__", None)
    if inner is None:
        return [name]
    return [one for part in inner for one in names_within(f"{name}.{part}", getattr(value, part))]


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        load({}).logging.level = 10  # type: ignore[misc]


def test_importing_the_settings_loads_nothing_heavy():
    code = (
        "import sys, flowstone.settings as s; s.load({}); "
        "heavy = ('pathlib', 'tomllib', 'tomlkit', 'difflib', 'pydantic', 'json', 'asyncio'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "has_table"),
    [
        (b"[tool.flowstone]\n", True),
        (b"  [ tool . flowstone . logging ]\n", True),
        (b"[\"tool\".'flowstone']\n", True),
        (b"[tool]\nflowstone = {live = true}\n", True),
        (b"tool.flowstone.live = true\n", True),
        (b'dependencies = ["flowstone"]\n[tool.ruff]\n', False),
        (b'[project.entry-points.x]\nflowstone = "x"\n[tool.ruff]\n', False),
        (b"", False),
    ],
)
def test_a_pyproject_file_is_parsed_only_where_our_table_may_be_in_it(text, has_table):
    assert files._may_have_table(text) is has_table
    assert bool(tomllib.loads(text.decode()).get("tool", {}).get("flowstone") is not None) <= (
        has_table
    )
