"""`flowstone config` and `--profile`: what is shown, changed, checked, and said of mistakes."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def project(monkeypatch, tmp_path):
    """A current directory without any source of settings."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def profiles(home):
    """The file of profiles: what it has, and how to write it."""
    return Profiles(home / "profiles.toml")


class Profiles:
    def __init__(self, path):
        self.path = path

    def write(self, text):
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(text)

    @property
    def text(self):
        return self.path.read_text()


def test_set_makes_a_profile_for_a_new_user_and_what_is_set_holds(cli, profiles):
    code, out, err = cli("config", "set", "logging.level=DEBUG", "FLOWSTONE_LIVE=no")
    assert (code, err) == (0, "")
    assert "Profile 'default' is in force from now on" in out
    assert "Set logging.level to DEBUG in profile 'default'." in out
    _, out, _ = cli("config", "view", "--hide-defaults")
    assert "logging.level  DEBUG" in out
    assert "profile 'default': FLOWSTONE_LIVE" in out
    assert profiles.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("loging.level=DEBUG", "Did you mean 'logging.level'?"),
        ("FLOWSTONE_LOGGIN_LEVEL=DEBUG", "Did you mean 'FLOWSTONE_LOGGING_LEVEL'?"),
        ("PREFECT_LOGGING_LEVEL=DEBUG", "Did you mean 'FLOWSTONE_LOGGING_LEVEL'?"),
        ("logging.level=LOUD", "it must be DEBUG, INFO"),
        ("logging.level", "write it like logging.level=DEBUG"),
        ("profile=dev", "flowstone profile use"),
    ],
)
def test_a_mistake_in_set_changes_nothing_and_says_what_was_meant(cli, profiles, word, message):
    code, _, err = cli("config", "set", "live=no", word)
    assert code == 1
    assert message in err
    assert not profiles.path.exists()


def test_set_and_unset_keep_comments_and_what_is_not_ours(cli, profiles):
    text = (
        "# my profiles\nactive = 'dev'  # for now\n\n[profiles.dev]\n# loud\n"
        "logging.level = 'INFO'\nsomething = 1  # not known\n\n[other]\nx = 1\n"
    )
    profiles.write(text)
    assert cli("config", "set", "logging.level=ERROR", "live=no")[0] == 0
    assert "# my profiles\nactive = 'dev'  # for now\n" in profiles.text
    assert '# loud\nlogging.level = "ERROR"' in profiles.text
    assert "something = 1  # not known" in profiles.text
    assert "[other]\nx = 1" in profiles.text
    assert cli("config", "unset", "FLOWSTONE_LIVE", "logging.level", "-y")[0] == 0
    assert "LIVE" not in profiles.text
    assert "level" not in profiles.text
    assert "# loud" in profiles.text


def test_unset_of_what_is_not_set_is_an_error(cli, profiles):
    profiles.write("active = 'dev'\n[profiles.dev]\n")
    code, _, err = cli("config", "unset", "logging.level")
    assert (code, err) == (
        1,
        "Error: profile 'dev' does not set logging.level; nothing was changed\n",
    )


def test_set_says_what_outranks_it(cli, monkeypatch, profiles):
    monkeypatch.setenv("FLOWSTONE_LOGGING_LEVEL", "ERROR")
    _, out, _ = cli("config", "set", "logging.level=DEBUG")
    assert "Note: FLOWSTONE_LOGGING_LEVEL outranks it, and says 'ERROR'." in out


def test_a_profile_can_be_chosen_for_one_command(cli, cli_json, profiles):
    profiles.write("[profiles.a]\nlive = false\n[profiles.b]\n")
    for words in (["--profile", "a"], ["-p", "a"], ["--profile=a"]):
        code, out, _ = cli(*words, "config", "view", "--hide-defaults")
        assert code == 0
        assert "profile 'a': live" in out
    assert {one["name"] for one in cli_json("config", "view", "--hide-defaults")} == {"home"}
    code, _, err = cli("-p", "nix", "config", "view")
    assert code == 1
    assert "It has: a, b. To make it: flowstone profile create nix" in err
    assert cli("--profile")[0] == 2


def test_view_hides_sources_and_defaults_where_it_is_asked(cli, profiles):
    _, out, _ = cli("config", "view", "--hide-sources")
    assert "FROM" not in out
    assert "tasks.default_retries" in out
    _, out, _ = cli("config", "view", "--hide-defaults", "--show-sources")
    assert "FROM" in out
    assert "tasks.default_retries" not in out


def test_view_masks_secrets_unless_they_are_asked_for(cli, cli_json, monkeypatch):
    monkeypatch.setenv("FLOWSTONE_RESULTS_DEFAULT_STORAGE", "s3://me:hunter2@bucket/x")
    monkeypatch.setenv("FLOWSTONE_API_KEY", "hunter2")
    assert "hunter2" not in cli("config", "view")[1]
    shown = cli("config", "view", "-o", "json")[1]
    assert "hunter2" not in shown
    assert "s3://me:********@bucket/x" in shown
    assert "s3://me:hunter2@bucket/x" in cli("config", "view", "--show-secrets")[1]


def test_validate_lists_all_that_is_wrong_in_all_sources(cli, monkeypatch, profiles, project):
    monkeypatch.setenv("FLOWSTONE_LOG_SYNC", "sometimes")
    (project / ".env").write_text("FLOWSTONE_LOGGIN_LEVEL=x\n")
    (project / "flowstone.toml").write_text("[tasks]\ndefault_retries = 'many'\n")
    profiles.write(
        "active = 'a'\n[profiles.a]\nlive = 'so'\n[profiles.b]\nlife = true\nlogging.level = 'Q'\n"
    )
    code, out, err = cli("config", "validate")
    assert code == 1
    for wrong in (
        "Wrong: FLOWSTONE_LOG_SYNC is 'sometimes'; it must be one of",
        "Wrong: .env, line 1: FLOWSTONE_LOGGIN_LEVEL",
        "Wrong: flowstone.toml: tasks.default_retries is 'many'; it must be",
        "Wrong: profile 'a': live is 'so'; it must be",
        "Wrong: profile 'b': life is no setting. Did you mean 'live'?",
        "Wrong: profile 'b': logging.level is 'Q'; it must be",
    ):
        assert wrong in out
    assert err == "Error: 6 things to mend\n"


def test_validate_lists_variables_of_prefect_with_their_names_here(cli, monkeypatch):
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    monkeypatch.setenv("PREFECT_TASK_DEFAULT_RETRIES", "1")
    monkeypatch.setenv("PREFECT_CLOUD_API_URL", "hunter2")
    code, out, _ = cli("config", "validate")
    assert code == 0
    assert "PREFECT_LOGGING_LEVEL is not read; here it is FLOWSTONE_LOGGING_LEVEL." in out
    assert "here it is FLOWSTONE_TASKS_DEFAULT_RETRIES." in out
    assert "PREFECT_CLOUD_API_URL is not read, and has no twin here. No server" in out
    assert "hunter2" not in out
    assert out.endswith("All settings are valid.\n")


def test_a_broken_file_of_profiles_is_left_as_it_is(cli, profiles):
    profiles.write("active = \n")
    for words in (["config", "set", "live=no"], ["profile", "ls"], ["config", "view"]):
        code, _, err = cli(*words)
        assert code == 1
        assert str(profiles.path) in err
        assert "line 1" in err
    assert profiles.text == "active = \n"
