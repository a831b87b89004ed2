"""`flowstone profile`: made, used, shown, renamed, deleted."""

from __future__ import annotations

import os

import pytest

from flowstone.settings.profiles import ProfileError, Profiles, masked


@pytest.fixture(autouse=True)
def project(monkeypatch, tmp_path):
    """A current directory without any source of settings."""
    monkeypatch.chdir(tmp_path)


def test_without_profiles_the_list_says_how_to_make_one(cli):
    assert cli("profile", "ls") == (
        0,
        "No profiles. Make one: flowstone profile create NAME\n",
        "",
    )


def test_a_profile_lives_from_create_to_delete(cli, cli_json):
    assert cli("profile", "create", "dev")[0] == 0
    assert cli("profile", "use", "dev")[1] == "Profile 'dev' is in force.\n"
    assert cli("config", "set", "logging.level=DEBUG")[0] == 0
    assert cli("profile", "create", "ci", "--from", "dev")[0] == 0
    assert cli_json("profile", "inspect", "ci") == {"FLOWSTONE_LOGGING_LEVEL": "DEBUG"}
    assert cli("profile", "ls")[1] == "* dev\n  ci\n"
    assert cli("profile", "rename", "dev", "home")[0] == 0
    assert cli_json("profile", "ls") == [
        {"name": "ci", "active": False},
        {"name": "home", "active": True},
    ]
    assert cli("profile", "inspect")[1] == "FLOWSTONE_LOGGING_LEVEL='DEBUG'\n"
    code, _, err = cli("profile", "delete", "home")
    assert code == 1
    assert "is in force" in err
    assert cli("profile", "delete", "ci", "-y")[0] == 0
    assert cli("profile", "ls")[1] == "* home\n"


@pytest.mark.parametrize(
    "words",
    [
        ("use", "nix"),
        ("inspect", "nix"),
        ("delete", "nix"),
        ("rename", "nix", "x"),
        ("create", "x", "--from", "nix"),
    ],
)
def test_a_profile_that_is_not_there_is_one_line_with_those_that_are(cli, words):
    cli("profile", "create", "dev")
    code, _, err = cli("profile", *words)
    assert code == 1
    assert "There is no profile 'nix'" in err
    assert "It has: dev." in err
    assert err.count("\n") == 1


def test_a_name_that_is_taken_is_refused(cli):
    cli("profile", "create", "a")
    cli("profile", "create", "b")
    for words in (("create", "a"), ("rename", "b", "a")):
        code, _, err = cli("profile", *words)
        assert code == 1
        assert "There is a profile 'a' already" in err
    assert cli("profile", "ls")[1] == "  a\n  b\n"


def test_use_says_what_outranks_it(cli, monkeypatch):
    cli("profile", "create", "a")
    cli("profile", "create", "b")
    monkeypatch.setenv("FLOWSTONE_PROFILE", "a")
    assert "Note: FLOWSTONE_PROFILE outranks it, and says 'a'." in cli("profile", "use", "b")[1]
    assert cli("profile", "ls")[1] == "* a\n  b\n"


def test_a_profile_is_made_where_the_environment_asks_for_it_already(cli, monkeypatch):
    monkeypatch.setenv("FLOWSTONE_PROFILE", "new")
    assert cli("config", "view")[0] == 1
    assert cli("profile", "create", "new")[0] == 0
    assert cli("config", "view")[0] == 0


def test_inspect_masks_secrets(cli, home):
    home.mkdir()
    (home / "profiles.toml").write_text("[profiles.a]\nFLOWSTONE_API_KEY = 'hunter2'\n")
    for words in ([], ["-o", "json"]):
        out = cli("profile", "inspect", "a", *words)[1]
        assert "hunter2" not in out
        assert "********" in out


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("api.key", "x", "********"),
        ("FLOWSTONE_API_AUTH_STRING", "x", "********"),
        ("db.url", "postgresql://me:pw@host/db", "postgresql://me:********@host/db"),
        ("db.url", "postgresql://me:p@w@host:1/db?a=@", "postgresql://me:********@host:1/db?a=@"),
        ("db.url", "s3://bucket/a@b:c", "s3://bucket/a@b:c"),
        ("logging.level", "DEBUG", "DEBUG"),
        ("api.key", "", ""),
    ],
)
def test_what_is_masked(key, value, shown):
    assert masked(key, value) == shown


def test_a_save_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "profiles.toml"
    path.write_text("active = 'a'\n[profiles.a]\n")
    profiles = Profiles(str(path))
    profiles.create("b")

    def refuse(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ProfileError, match="No space"):
        profiles.save()
    assert os.listdir(tmp_path) == ["profiles.toml"]
    assert path.read_text() == "active = 'a'\n[profiles.a]\n"


def test_a_file_that_is_a_link_stays_one(tmp_path):
    (tmp_path / "dotfiles.toml").write_text("# mine\n")
    (tmp_path / "profiles.toml").symlink_to("dotfiles.toml")
    profiles = Profiles(str(tmp_path / "profiles.toml"))
    profiles.create("a")
    profiles.save()
    assert (tmp_path / "profiles.toml").is_symlink()
    assert "[profiles.a]" in (tmp_path / "dotfiles.toml").read_text()
