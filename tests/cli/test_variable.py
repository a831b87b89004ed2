from __future__ import annotations

import pytest


def test_what_is_set_is_got(cli, cli_json):
    assert cli("variable", "set", "bucket", "s3://a b")[:2] == (
        0,
        'Set variable bucket to "s3://a b".\n',
    )
    assert cli("variable", "get", "bucket")[:2] == (0, "s3://a b\n")
    assert cli_json("variable", "get", "bucket") == "s3://a b"


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("5", 5),
        ("true", True),
        ('{"a": [1]}', {"a": [1]}),
        ('"5"', "5"),
        ("null", None),
        ("-3", -3),
    ],
)
def test_a_value_is_json_where_it_can_be(cli, cli_json, word, value):
    assert cli("variable", "set", "v", word)[0] == 0
    assert cli_json("variable", "get", "v") == value
    assert cli_json("variable", "inspect", "v")["value"] == value


def test_one_that_exists_is_replaced_only_with_overwrite(cli, cli_json):
    cli("variable", "set", "v", "1", "--tag", "a", "--tag", "b")
    code, out, err = cli("variable", "set", "v", "2")
    assert (code, out) == (1, "")
    assert "'v' already exists" in err
    assert "--overwrite" in err
    assert cli("variable", "set", "v", "2", "--overwrite")[0] == 0
    found = cli_json("variable", "inspect", "v")
    assert (found["value"], found["tags"]) == (2, ["a", "b"])


def test_the_list_is_by_name(cli, cli_json):
    assert "No variables" in cli("variable", "ls")[1]
    for name in ("zebra", "ant"):
        cli("variable", "set", name, "x\x1b")
    out = cli("variable", "ls")[1]
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["NAME", "VALUE"],
        ["ant", "x\\x1b"],
        ["zebra", "x\\x1b"],
    ]
    assert [one["name"] for one in cli_json("variable", "ls")] == ["ant", "zebra"]
    assert len(cli_json("variable", "ls", "--limit", "1")) == 1


def test_inspect_shows_what_there_is(cli):
    cli("variable", "set", "v", "[1]", "--tag", "etl")
    out = cli("variable", "inspect", "v")[1]
    assert [line.split()[0] for line in out.splitlines()] == [
        *("Variable", "ID", "Created", "Updated", "Tags", "Value")
    ]


def test_unset_deletes_it_and_needs_no_yes(cli):
    cli("variable", "set", "v", "1")
    assert cli("variable", "unset", "v")[:2] == (0, "Deleted variable v.\n")
    for words in (["unset"], ["get"], ["inspect"]):
        code, out, err = cli("variable", *words, "v")
        assert (code, out) == (1, "")
        assert "there is no variable 'v'" in err
        assert "variable ls" in err


@pytest.mark.parametrize("words", [["Bad Name", "1"], ["v", "x" * 5000]])
def test_what_cannot_be_set_is_one_line(cli, words):
    code, out, err = cli("variable", "set", *words)
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")
    assert err.count("\n") == 1


def test_a_file_that_is_no_database_is_an_error_that_says_what_to_do(cli, home):
    home.mkdir()
    (home / "flowstone.db").write_text("this is no database, whatever its name says" * 50)
    code, _, err = cli("variable", "ls")
    assert code == 1
    assert "not a database" in err
