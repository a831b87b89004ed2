"""Settings: where they come from, who wins, what a typo says, and settings for a block."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import warnings

import pytest

import flowstone.settings
from flowstone import flow, get_run_logger, task
from flowstone.context import get_settings_context, use_profile
from flowstone.settings import (
    FLOWSTONE_LOGGING_LEVEL,
    FLOWSTONE_LOGGING_LOG_PRINTS,
    FLOWSTONE_TASKS_DEFAULT_RETRIES,
    Settings,
    SettingsError,
    SettingsWarning,
    describe,
    get_current_settings,
    load,
    temporary_settings,
)
from flowstone.store.queries import open_store
from flowstone.wiring.process import PROCESS


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A current directory without any source of settings, and a home below it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def environ(project, **more):
    return {"FLOWSTONE_HOME": str(project / "home"), **more}


RETRIES = "tasks.default_retries"
SOURCES = {
    ".env": "FLOWSTONE_TASKS_DEFAULT_RETRIES={}\n",
    "flowstone.toml": "[tasks]\ndefault_retries = {}\n",
    "pyproject.toml": "[tool.flowstone.tasks]\ndefault_retries = {}\n",
    "home/profiles.toml": (
        'active = "dev"\n[profiles.dev]\nFLOWSTONE_TASKS_DEFAULT_RETRIES = "{}"\n'
    ),
}
"""Every file that settings may stand in, from high to low."""


def write(project, name, text):
    path = project / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def source_of(project, name, **more):
    return next(one.source for one in describe(environ(project, **more)) if one.name == name)


def test_each_source_wins_over_those_below_it(project):
    for value, name in enumerate(reversed(SOURCES), 1):
        write(project, name, SOURCES[name].format(value))
        assert load(environ(project)).tasks.default_retries == value
    variable = {"FLOWSTONE_TASKS_DEFAULT_RETRIES": "9"}
    assert load(environ(project, **variable)).tasks.default_retries == 9


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (".env", ".env, line 1: FLOWSTONE_TASKS_DEFAULT_RETRIES"),
        ("flowstone.toml", "flowstone.toml: tasks.default_retries"),
        ("pyproject.toml", "pyproject.toml: tool.flowstone.tasks.default_retries"),
        ("home/profiles.toml", "profile 'dev': FLOWSTONE_TASKS_DEFAULT_RETRIES"),
    ],
)
def test_a_value_is_shown_with_the_place_where_it_stands(project, name, source):
    write(project, name, SOURCES[name].format(2))
    assert source_of(project, RETRIES) == source


@pytest.mark.parametrize("name", SOURCES)
def test_a_wrong_value_names_its_source_the_file_and_what_is_allowed(project, name):
    path = write(project, name, SOURCES[name].format("-1"))
    with pytest.raises(SettingsError) as caught:
        load(environ(project))
    message = str(caught.value)
    assert source_of_file(name) in message
    assert str(path) in message
    assert "a whole number of 0 or more" in message


def source_of_file(name):
    return "profile 'dev'" if name.endswith("profiles.toml") else name


TYPOS = {
    ".env": "FLOWSTONE_LOGGIN_LEVEL=DEBUG\n",
    "flowstone.toml": '[loggin]\nlevel = "DEBUG"\n',
    "pyproject.toml": '[tool.flowstone.loggin]\nlevel = "DEBUG"\n',
    "home/profiles.toml": ('active = "dev"\n[profiles.dev]\nFLOWSTONE_LOGGIN_LEVEL = "DEBUG"\n'),
}


@pytest.mark.parametrize("name", TYPOS)
def test_a_typo_in_a_file_warns_with_the_file_and_the_likely_name(project, name):
    path = write(project, name, TYPOS[name])
    with pytest.warns(SettingsWarning) as caught:
        settings = load(environ(project))
    (message,) = [str(one.message) for one in caught]
    assert str(path) in message
    assert source_of_file(name) in message
    likely = "FLOWSTONE_LOGGING_LEVEL" if "LOGGIN" in TYPOS[name] else "logging.level"
    assert f"Did you mean '{likely}'?" in message
    assert settings == Settings(home=settings.home, profile=settings.profile)


def test_a_typo_in_a_variable_warns_once_a_process(project):
    code = "from flowstone.settings import load; import os; [load(os.environ) for _ in range(3)]"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "FLOWSTONE_LOGGIN_LEVEL": "DEBUG"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr.count("FLOWSTONE_LOGGIN_LEVEL is no setting.") == 1
    assert "Did you mean 'FLOWSTONE_LOGGING_LEVEL'?" in ended.stderr


def test_a_typo_does_not_show_the_value(project):
    with pytest.warns(SettingsWarning) as caught:
        load(environ(project, FLOWSTONE_API_KEEY="hunter2"))
    assert "hunter2" not in str(caught[0].message)


def test_a_name_of_prefect_in_our_spelling_gets_the_name_that_it_has_here(project):
    with pytest.warns(SettingsWarning, match="'FLOWSTONE_LOGGING_MAX_LINE_BYTES'"):
        load(environ(project, FLOWSTONE_LOGGING_TO_API_MAX_LOG_SIZE="1000"))


@pytest.mark.parametrize("name", ["flowstone.toml", "pyproject.toml", "home/profiles.toml"])
def test_a_file_that_is_no_toml_is_an_error_with_its_name_and_line(project, name):
    path = write(project, name, "[tool.flowstone]\nlive = = true\n")
    with pytest.raises(SettingsError, match="line 2") as caught:
        load(environ(project))
    assert str(path) in str(caught.value)


def test_files_of_others_say_nothing(project):
    write(project, ".env", 'PASSWORD="x\nFLOWSTONE\nOTHER=1\n')
    write(project, "pyproject.toml", '[project]\nname = "x"\ndependencies = ["flowstone"]\n= no')
    assert load(environ(project)) == Settings(home=str(project / "home"))


@pytest.mark.parametrize(
    "line",
    [
        "FLOWSTONE_LOGGING_LEVEL=DEBUG",
        "export FLOWSTONE_LOGGING_LEVEL = 'DEBUG'  # loud",
        '  FLOWSTONE_LOGGING_LEVEL="DEBUG"',
        "FLOWSTONE_LOGGING_LEVEL=DEBUG # loud",
    ],
)
def test_a_line_of_a_dotenv_file_may_be_written_as_shells_and_tools_do(project, line):
    write(project, ".env", f"# ours\n\n{line}\nFLOWSTONE_LIVE=\n")
    assert load(environ(project)).logging.level == 10


def test_toml_has_values_of_its_own_types(project):
    text = (
        "live = true\nFLOWSTONE_LOG_SYNC = 'always'\n[logging]\nlevel = 10\n"
        "extra_loggers = ['a', 'b']\n[tasks]\ndefault_retry_delay_seconds = [1, 2.5]\n"
        "runner.thread_pool_max_workers = 4\n"
    )
    write(project, "flowstone.toml", text)
    settings = load(environ(project))
    assert (settings.live, settings.log.sync, settings.logging.level) == (True, "always", 10)
    assert settings.logging.extra_loggers == ("a", "b")
    assert settings.tasks.default_retry_delay_seconds == (1.0, 2.5)
    assert settings.tasks.runner.thread_pool_max_workers == 4


def test_the_profile_asked_for_wins_over_the_active_one(project):
    text = 'active = "a"\n[profiles.a]\nlogging.level = "ERROR"\n[profiles.b]\nlive = false\n'
    write(project, "home/profiles.toml", text)
    assert load(environ(project)).logging.level == 40
    settings = load(environ(project, FLOWSTONE_PROFILE="b"))
    assert (settings.profile, settings.logging.level, settings.live) == ("b", 20, False)


def test_profiles_may_lie_elsewhere(project):
    path = write(project, "mine.toml", 'active = "a"\n[profiles.a]\nlive = false\n')
    assert load(environ(project, FLOWSTONE_PROFILES_PATH=str(path))).live is False


@pytest.mark.parametrize("text", ["", "[profiles.dev]\n"])
def test_a_profile_that_is_not_there_is_an_error_that_says_how_to_make_it(project, text):
    write(project, "home/profiles.toml", text)
    with pytest.raises(SettingsError, match=r"FLOWSTONE_PROFILE is 'prod'.*profile create prod"):
        load(environ(project, FLOWSTONE_PROFILE="prod"))


def test_a_file_that_cannot_be_read_warns_and_changes_nothing(project):
    (project / ".env").symlink_to(".env")  # a loop: refused to everybody
    with pytest.warns(SettingsWarning, match=r"\.env cannot be read"):
        assert load(environ(project)).logging.level == 20


def test_setting_objects_know_their_value_default_and_names(home):
    assert FLOWSTONE_LOGGING_LEVEL.value() == get_current_settings().logging.level
    assert FLOWSTONE_TASKS_DEFAULT_RETRIES.name == "FLOWSTONE_TASKS_DEFAULT_RETRIES"
    assert FLOWSTONE_TASKS_DEFAULT_RETRIES.accessor == "tasks.default_retries"
    assert FLOWSTONE_TASKS_DEFAULT_RETRIES.default() == 0
    assert not FLOWSTONE_TASKS_DEFAULT_RETRIES
    with temporary_settings({FLOWSTONE_TASKS_DEFAULT_RETRIES: 2}):
        assert FLOWSTONE_TASKS_DEFAULT_RETRIES


def test_a_setting_object_that_there_is_not_cannot_be_imported():
    with pytest.raises(AttributeError, match="FLOWSTONE_LOGGIN_LEVEL"):
        flowstone.settings.FLOWSTONE_LOGGIN_LEVEL  # noqa: B018


@pytest.mark.parametrize(
    "key",
    ["tasks.default_retries", "FLOWSTONE_TASKS_DEFAULT_RETRIES", FLOWSTONE_TASKS_DEFAULT_RETRIES],
)
def test_temporary_settings_take_each_kind_of_key_and_end_with_the_block(home, key):
    with temporary_settings({key: "3"}) as settings:
        assert settings.tasks.default_retries == 3
        assert get_current_settings() is settings
    assert get_current_settings().tasks.default_retries == 0


def test_temporary_settings_nest(home):
    retries = FLOWSTONE_TASKS_DEFAULT_RETRIES
    with temporary_settings({retries: 1, "logging.log_prints": True}):
        with temporary_settings(set_defaults={retries: 5, "flows.default_retries": 5}) as settings:
            assert (settings.tasks.default_retries, settings.flows.default_retries) == (1, 5)
        with temporary_settings(restore_defaults=[retries]) as settings:
            assert settings.tasks.default_retries == 0
            assert settings.logging.log_prints is True
        with temporary_settings({retries: 2}, {retries: 3}, [retries]) as settings:
            assert settings.tasks.default_retries == 2
        with temporary_settings(set_defaults={retries: 3}, restore_defaults={retries}) as settings:
            assert settings.tasks.default_retries == 0
        assert retries.value() == 1


def test_temporary_settings_end_when_the_block_raises(home):
    with pytest.raises(ZeroDivisionError), temporary_settings({"tasks.default_retries": 1}):
        1 / 0  # noqa: B018
    assert get_current_settings().tasks.default_retries == 0


@pytest.mark.parametrize(
    ("updates", "words"),
    [
        ({"tasks.default_retriez": 1}, "Did you mean 'tasks.default_retries'?"),
        ({"FLOWSTONE_LOGGIN_LEVEL": 1}, "Did you mean 'FLOWSTONE_LOGGING_LEVEL'?"),
        ({"tasks.default_retries": -1}, "a whole number of 0 or more"),
        ({"tasks.default_retries": None}, "a whole number of 0 or more"),
        ({"logging.level": object()}, "DEBUG, INFO"),
    ],
)
def test_a_typo_in_temporary_settings_is_a_value_error(home, updates, words):
    with (
        pytest.raises(ValueError, match=r"setting|it must be") as caught,
        temporary_settings(updates),
    ):
        pass
    assert words in str(caught.value)


def test_temporary_settings_are_seen_by_no_other_thread(home):
    seen, entered, may_end = [], threading.Event(), threading.Event()

    def other():
        with temporary_settings({"tasks.default_retries": 7}):
            entered.set()
            may_end.wait(10)
            seen.append(get_current_settings().tasks.default_retries)

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(10)
    assert get_current_settings().tasks.default_retries == 0
    with temporary_settings({"tasks.default_retries": 1}):
        may_end.set()
        thread.join()
        assert get_current_settings().tasks.default_retries == 1
    assert seen == [7]


def test_temporary_settings_are_seen_by_no_other_async_task(home):
    async def one(retries):
        with temporary_settings({"tasks.default_retries": retries}):
            await asyncio.sleep(0)
            return get_current_settings().tasks.default_retries

    async def both():
        return await asyncio.gather(one(1), one(2))

    assert asyncio.run(both()) == [1, 2]


def test_temporary_settings_hold_for_runs_that_begin_in_the_block(home, recorded):
    @flow
    def prints():
        says.submit().result()

    @task
    def says():
        print("from the task")

    prints()
    with temporary_settings({FLOWSTONE_LOGGING_LOG_PRINTS: True}):
        prints()
    prints()
    assert recorded.lines.count("from the task") == 1


def test_temporary_settings_hold_for_what_is_declared_in_the_block(home):
    with temporary_settings({"tasks.default_retries": 2, "flows.default_retries": 1}):
        plain, own = task(len), task(len, retries=0)
        outer = flow(abs)
    assert (plain.retries, own.retries, outer.retries) == (2, 0, 1)
    assert task(len).retries == 0


def test_the_logging_level_of_a_block_holds_in_it(home, recorded):
    @flow
    def talks(word):
        get_run_logger().debug(word)

    talks("before")
    with temporary_settings({"logging.level": "DEBUG"}):
        talks("within")
    talks("after")
    said = recorded.lines
    assert [word for word in ("before", "within", "after") if word in said] == ["within"]


def test_another_home_begins_another_log_and_the_first_one_goes_on(home, tmp_path):
    @flow
    def it():
        return 1

    def runs(place):
        with open_store(place) as store:
            return len(store.flow_runs())

    it()
    log = PROCESS.log
    with temporary_settings({"home": tmp_path / "other"}):
        it()
        it()
    it()
    assert PROCESS.log is log
    assert (runs(home), runs(tmp_path / "other")) == (2, 2)


def test_entering_a_block_loads_and_writes_nothing(home):
    with temporary_settings({"home": str(home / "never")}):
        pass
    assert not (home / "never").exists()


def test_settings_go_to_another_process_by_its_variables(home):
    settings = Settings(home=str(home)).copy_with_update(
        {
            "tasks.default_retry_delay_seconds": [1, 2.5],
            "logging.level": "DEBUG",
            "live": False,
            "logging.extra_loggers": ["a", "b"],
            "tasks.runner.thread_pool_max_workers": 3,
        }
    )
    variables = settings.to_environment_variables(exclude_unset=True)
    assert variables["FLOWSTONE_TASKS_DEFAULT_RETRY_DELAY_SECONDS"] == "1.0,2.5"
    assert "FLOWSTONE_LOG_SYNC" not in variables
    assert load(variables) == settings
    assert load(settings.to_environment_variables()) == settings


def test_a_profile_can_be_used_for_a_block(home, monkeypatch):
    text = '[profiles.dev]\nFLOWSTONE_LOGGING_LEVEL = "ERROR"\nFLOWSTONE_LIVE = "false"\n'
    monkeypatch.setenv("FLOWSTONE_HOME", str(home))
    monkeypatch.setenv("FLOWSTONE_LOGGING_LEVEL", "DEBUG")
    (home / "profiles.toml").write_text(text)
    before = get_current_settings()
    with use_profile("dev") as context:
        assert context == get_settings_context()
        assert (context.settings.profile, context.settings.live) == ("dev", False)
        assert context.settings.logging.level == before.logging.level  # the variable outranks it
    with use_profile("dev", override_environment_variables=True) as context:
        assert context.settings.logging.level == 40
    with temporary_settings({"tasks.default_retries": 2}):
        with use_profile("dev") as context:
            assert context.settings.tasks.default_retries == 2
        with use_profile("dev", include_current_context=False) as context:
            assert context.settings.tasks.default_retries == 0
    assert get_current_settings() == before
    with pytest.raises(SettingsError, match="no such profile"), use_profile("nix"):
        pass


@pytest.mark.parametrize("most", [1, 3])
def test_the_setting_bounds_runners_that_were_given_no_number(home, most):
    running, peak, lock = [0], [0], threading.Lock()
    gate = threading.Barrier(most)

    @task
    def body():
        with lock:
            running[0] += 1
            peak[0] = max(peak[0], running[0])
        gate.wait(10)
        with lock:
            running[0] -= 1

    @flow
    def many():
        return [one.result() for one in [body.submit() for _ in range(2 * most)]]

    with temporary_settings({"tasks.runner.thread_pool_max_workers": most}):
        many()
    assert peak == [most]


def test_a_wrong_setting_is_told_where_a_task_is_declared(project):
    write(project, "flowstone.toml", "[tasks]\ndefault_retries = 'many'\n")
    ended = subprocess.run(
        [sys.executable, "-c", "from flowstone import task\n@task\ndef f(): ..."],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "flowstone.toml: tasks.default_retries is 'many'" in ended.stderr.splitlines()[-1]


def test_settings_without_files_warn_of_nothing(project):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(environ(project))
