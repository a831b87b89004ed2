"""Results that are kept: listed, counted, explained and cleared by commands."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time

import pytest

from flowstone.core.facts import ResultNoted
from flowstone.core.ids import id_text
from flowstone.core.keys import Ingredients
from flowstone.results.directory import Directory
from flowstone.results.keeper import Keeper
from tests.cli.conftest import BEGIN, SECOND

DAY = 86_400 * SECOND


@pytest.fixture
def keeper(home):
    return Keeper(Directory(str(home / "results")))


def keep(keeper, key, task="load", *, age=0, value=b"x" * 2000, **more):
    then = time.time_ns() - age
    keeper.save(key, value, created=then, task=task, **more)
    os.utime(f"{keeper.keys.place}/{key}", ns=(then, then))  # the kernel's clock ticks slowly


def keys(keeper):
    return sorted(found.header.key for found in keeper.entries() if found.header)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_an_empty_home_says_where_results_would_lie(cli, cli_json, home):
    place = home / "results"
    code, out, err = cli("cache", "ls")
    assert (code, err) == (0, "")
    assert out == f"No results in {place}. Tasks with a cache_policy keep theirs there.\n"
    assert cli("cache", "ls", "--task", "x")[1] == f"No result in {place} matches.\n"
    assert cli("cache", "stats")[1].startswith(f"No results in {place}.")
    assert cli("cache", "clear")[:2] == (0, out)
    assert cli_json("cache", "ls") == cli_json("cache", "stats") == []


def test_results_are_listed_the_newest_first(cli, cli_json, keeper, home):
    keep(keeper, "a" * 32, age=2 * 3600 * SECOND, seconds=90.0)
    keep(keeper, "b" * 32, "clean", expires=time.time_ns() - SECOND)
    code, out, err = cli("cache", "ls")
    assert (code, err) == (0, "")
    head, first, second = out.splitlines()
    assert head.split() == ["TASK", "KEY", "AGE", "SIZE", "TOOK", "EXPIRES"]
    assert first.split()[:2] == ["clean", "b" * 32]
    assert first.split()[-1] == "expired"
    assert re.fullmatch(rf"load +{'a' * 32} +2 h 00 m +2\.\d KiB +1 m 30 s", second)
    newest, oldest = cli_json("cache", "ls")
    assert (newest["task"], newest["key"], newest["problem"]) == ("clean", "b" * 32, None)
    assert (oldest["seconds"], oldest["expires"]) == (90.0, None)
    assert oldest["size"] > 2000
    assert oldest["storage"] == str(home / "results")


def test_a_long_list_is_cut_and_says_so(cli, keeper):
    for number in range(5):
        keep(keeper, f"k{number}")
    lines = cli("cache", "ls", "--limit", "2")[1].splitlines()
    assert (len(lines), lines[-1]) == (
        4,
        "and more; '--limit 0' lists all, 'flowstone cache stats' counts them",
    )
    assert len(cli("cache", "ls", "--limit", "0")[1].splitlines()) == 6


def test_what_is_not_shown_is_not_read(cli, keeper, monkeypatch):
    for number in range(50):
        keep(keeper, f"k{number}")
    read, names = Directory.read, []
    monkeypatch.setattr(
        Directory, "read", lambda *args, **more: names.append(args[1]) or read(*args, **more)
    )
    cli("cache", "ls", "--limit", "5")
    assert len(names) <= 7  # those five, and one that tells that there are more


def test_a_damaged_result_is_listed_and_a_file_of_somebody_else_is_not(cli, cli_json, keeper):
    keep(keeper, "whole")
    keep(keeper, "damaged")
    os.truncate(os.path.join(keeper.storage.place, "damaged"), 100)
    keeper.storage.write("notes.txt", (b"n" * 500,))
    listed = {one["key"]: one["problem"] for one in cli_json("cache", "ls")}
    assert listed == {"whole": None, "damaged": "the file is cut short"}
    assert "the file is cut short" in cli("cache", "ls")[1]
    assert cli("cache", "clear", "--yes")[0] == 0
    assert [entry.name for entry in keeper.storage.entries()] == ["notes.txt"]


@pytest.mark.parametrize(
    ("words", "stays"),
    [
        (["--task", "load"], ["clean-new"]),
        (["--key", "load-new"], ["clean-new", "load-old", "load-over"]),
        (["--older-than", "7d"], ["clean-new", "load-new", "load-over"]),
        (["--expired"], ["clean-new", "load-new", "load-old"]),
        (["--task", "load", "--older-than", "7d"], ["clean-new", "load-new", "load-over"]),
        ([], []),
    ],
)
def test_what_is_chosen_is_cleared_and_the_rest_stays(cli, keeper, words, stays):
    keep(keeper, "load-old", age=8 * DAY)
    keep(keeper, "load-new")
    keep(keeper, "load-over", expires=time.time_ns() - SECOND)
    keep(keeper, "clean-new", "clean")
    gone = 4 - len(stays)
    code, out, err = cli("cache", "clear", *words, "--yes")
    assert (code, err) == (0, "")
    assert out.startswith(f"Cleared {gone} result{'' if gone == 1 else 's'} (")
    assert keys(keeper) == stays


@pytest.mark.parametrize("answer", ["y\n", "no\n", "\n", ""])
def test_on_a_terminal_clearing_asks_first(cli, keeper, monkeypatch, answer):
    keep(keeper, "k")
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    code, out, err = cli("cache", "clear")
    assert re.search(r"Clear 1 result \(2\.\d KiB\)\? Runs .* lose them too\. \[y/N\] ", out)
    if answer == "y\n":
        assert (code, keys(keeper)) == (0, [])
    else:
        assert (code, err, keys(keeper)) == (1, "Nothing cleared.\n", ["k"])


def test_without_a_terminal_clearing_needs_a_yes(cli, keeper, monkeypatch):
    keep(keeper, "k")
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    code, _, err = cli("cache", "clear")
    assert code == 1
    assert re.fullmatch(
        r"Error: clearing 1 result \(2\.\d KiB\) needs a yes, and there is no terminal to ask: "
        r"pass --yes\.\n",
        err,
    )
    assert keys(keeper) == ["k"]


def test_stats_tell_what_a_task_takes_and_what_its_hits_saved(cli, cli_json, log, keeper):
    run = log.flow_run("brave-otter")
    for number in range(3):
        hit = log.task_run(f"load-{number}", "load", flow_run=run)
        log.add(ResultNoted(hit, BEGIN, keeper.storage.place, "k", number > 0, True, 30.0))
    log.write()
    keep(keeper, "k", seconds=30.0)
    keep(keeper, "other", "clean", value=b"y", seconds=0.5)
    clean, load = sorted(cli_json("cache", "stats"), key=lambda one: one["task"])
    assert load | {"size": 0} == {
        "task": "load",
        "results": 1,
        "size": 0,
        "seconds": 30.0,
        "hits": 2,
        "seconds_saved": 60.0,
    }
    assert load["size"] > 2000
    assert (clean["results"], clean["hits"]) == (1, 0)
    out = cli("cache", "stats")[1].splitlines()
    assert re.fullmatch(r"load +1 +2\.\d KiB +30\.0 s +2 +1 m 00 s", out[1])
    assert re.fullmatch(r"2 results in 2\.\d KiB; 2 hits saved 1 m 00 s", out[-1])
    assert [one["task"] for one in cli_json("cache", "stats", "--task", "clean")] == ["clean"]


def test_a_storage_that_only_runs_named_is_looked_in_too(cli_json, log, keeper, tmp_path):
    elsewhere = Keeper(Directory(str(tmp_path / "elsewhere")))
    keep(elsewhere, "far")
    keep(keeper, "near")
    run = log.task_run("load-0", "load")
    log.add(ResultNoted(run, BEGIN, elsewhere.storage.place, "far", False, True, 1.0))
    log.write()
    assert sorted(one["key"] for one in cli_json("cache", "ls")) == ["far", "near"]
    place = elsewhere.storage.place
    assert [one["key"] for one in cli_json("cache", "ls", "--storage", place)] == ["far"]


def test_the_storage_of_the_settings_may_be_a_url(cli, cli_json, monkeypatch, tmp_path):
    url = f"file://{tmp_path}/by-url"
    keep(Keeper(Directory(str(tmp_path / "by-url"))), "k")
    monkeypatch.setenv("FLOWSTONE_RESULTS_DEFAULT_STORAGE", url)
    assert [one["key"] for one in cli_json("cache", "ls")] == ["k"]
    monkeypatch.setenv("FLOWSTONE_RESULTS_DEFAULT_STORAGE", f"memory://{tmp_path.name}")
    assert cli("cache", "ls")[1].startswith(f"No results in memory://{tmp_path.name}.")


def test_a_storage_that_is_down_is_one_line(cli, log, keeper, tmp_path, monkeypatch):
    down = "nosuchscheme://bucket/results"
    code, out, err = cli("cache", "ls", "--storage", down)
    assert (code, out) == (1, "")
    assert err.startswith(f"Error: No file system for {down}")
    keep(keeper, "near")
    run = log.task_run("load-0", "load")
    log.add(ResultNoted(run, BEGIN, down, "far", False, True, 1.0))
    log.write()
    code, out, err = cli("cache", "ls")
    assert code == 0
    assert "near" in out
    assert err.startswith(f"Note: No file system for {down}")
    code, _, err = cli("cache", "why", "load-0")
    assert code == 1
    assert err.startswith(f"Error: No file system for {down}")


# why --------------------------------------------------------------------------------------------


class Told:
    """Runs of a task with what their keys were made of."""

    def __init__(self, log, keeper):
        self.log, self.keeper, self.number = log, keeper, 0

    def run(self, key, *, hit=False, kept=True, reason=None, seconds=2.0, save=True, **pieces):
        name, at = f"load-{self.number}", BEGIN + self.number * SECOND
        self.number += 1
        run = self.log.task_run(name, "load", at=at)
        place = self.keeper.storage.place
        self.log.add(ResultNoted(run, at, place, key, hit, kept, seconds, reason))
        if key and save and kept and not hit:
            packed = Ingredients(key, pieces).pack()
            self.keeper.save(key, 1, created=at, fingerprint=packed, task="load")
        return run


@pytest.fixture
def told(log, keeper):
    return Told(log, keeper)


NOTHING = "Nothing was kept under its key."


def test_why_names_the_argument_that_differs(cli, cli_json, log, told):
    earlier = told.run("k1", reason=NOTHING, **{"input.a": b"1", "input.b": b"1"})
    run = told.run("k2", reason=NOTHING, **{"input.a": b"1", "input.b": b"2"})
    log.write()
    code, out, err = cli("cache", "why", "load-1")
    assert (code, err) == (0, "")
    assert out.splitlines()[:2] == [f"Task run 'load-1' ({id_text(run)})", f"Miss: {NOTHING}"]
    assert f"Compared with the nearest earlier result (run {id_text(earlier)}, " in out
    assert "  The argument 'b' differs.\n" in out
    answer = cli_json("cache", "why", id_text(run))
    assert answer["differences"] == ["The argument 'b' differs."]
    assert (answer["is_hit"], answer["key"]) == (False, "k2")
    assert answer["compared_with"] == id_text(earlier)


def test_why_compares_with_the_result_that_is_nearest_not_the_last_one(cli_json, log, told):
    alike = told.run("k1", **{"source": "old", "input.a": b"1", "input.b": b"1"})
    told.run("k2", **{"source": "old", "input.a": b"2", "input.b": b"2"})
    run = told.run("k3", reason=NOTHING, **{"source": "new", "input.a": b"1", "input.b": b"1"})
    log.write()
    answer = cli_json("cache", "why", id_text(run))
    assert answer["compared_with"] == id_text(alike)
    assert answer["differences"] == ["The source differs: old then, new now."]


def test_why_of_a_hit_tells_what_it_saved(cli, log, told):
    told.run("k1", reason=NOTHING)
    told.run("k1", hit=True, seconds=90.0)
    log.write()
    answer = cli("cache", "why", "load-1")[1].splitlines()[1]
    assert answer == (
        "Hit: it took the result that was kept under its key, which took 1 m 30 s to make."
    )


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"reason": NOTHING}, "There is no earlier result of its task to compare with."),
        ({"reason": NOTHING, "kept": False}, "Its own result was not kept."),
        ({"reason": "The file /data/x changed."}, "Miss: The file /data/x changed."),
        ({"key": None, "kept": False, "reason": "'f' cannot be hashed."}, "'f' cannot be hashed."),
        ({"reason": None}, "Miss: its task looks for no results."),
    ],
)
def test_why_tells_what_is_known_where_there_is_nothing_to_compare(cli, log, told, more, expected):
    told.run(**{"key": "k1"} | more)
    log.write()
    code, out, _ = cli("cache", "why", "load-0")
    assert code == 0
    assert expected in out
    assert "Compared" not in out


def test_why_of_a_run_whose_result_was_cleared_still_answers(cli, log, told):
    told.run("k1", **{"input.a": b"1"})
    told.run("k2", reason=NOTHING, save=False, **{"input.a": b"2"})
    log.write()
    code, out, _ = cli("cache", "why", "load-1")
    assert code == 0
    assert f"Miss: {NOTHING}" in out


def test_why_of_a_run_that_keeps_nothing_says_so(cli, log):
    log.task_run("add-0")
    log.write()
    code, out, _ = cli("cache", "why", "add-0")
    assert code == 0
    assert "It neither looked for a result nor kept one: its task has no cache_policy" in out


def test_why_of_an_unknown_run_is_one_line(cli, log, home):
    log.task_run("add-0")
    log.write()
    code, out, err = cli("cache", "why", "nobody")
    assert (code, out) == (1, "")
    assert err.startswith("Error: There is no task run with the id, the beginning of an id or")


DEEP = """
LIMIT = 3

# {comment}
def clean(x):
    y = x + LIMIT
    return {returned}
"""
NEAR = "import deep\n\ndef tidy(x):\n    return deep.clean(x)\n"
ETL = """
import near
from flowstone import flow, task
from flowstone.cache_policies import INPUTS, TASK_SOURCE

@task(cache_policy=INPUTS + TASK_SOURCE)
def load(x):
    return near.tidy(x)

@flow
def etl():
    load(1)

etl()
"""


@pytest.mark.timeout(60)
def test_why_names_the_helper_two_calls_away_that_changed_and_its_line(cli, cli_json, tmp_path):
    def run_with(comment, returned):
        (tmp_path / "deep.py").write_text(DEEP.format(comment=comment, returned=returned))
        program = [sys.executable, tmp_path / "etl.py"]
        subprocess.run(program, check=True, capture_output=True, cwd=tmp_path)
        return cli_json("task-run", "ls")[0]

    (tmp_path / "near.py").write_text(NEAR)
    (tmp_path / "etl.py").write_text(ETL)
    assert run_with("a comment", "y * 2")["state_name"] == "Completed"
    assert run_with("another comment", "y * 2")["state_name"] == "Cached"
    changed = run_with("another comment", "y * 3")
    assert changed["state_name"] == "Completed"
    out = cli("cache", "why", changed["id"])[1]
    assert f"\n  The function deep.clean changed ({tmp_path}/deep.py, line 7).\n" in out


MANY = """
from flowstone import flow, task
from flowstone.cache_policies import INPUTS

@task(cache_policy=INPUTS)
def load(x):
    return bytes(100_000)

@flow
def many():
    for x in range(30):
        load(x)

many()
"""


def test_results_over_the_bound_that_a_user_set_are_removed(cli_json, tmp_path, monkeypatch):
    monkeypatch.setenv("FLOWSTONE_RESULTS_MAX_BYTES", "1MiB")
    (tmp_path / "many.py").write_text(MANY)
    subprocess.run([sys.executable, tmp_path / "many.py"], check=True, capture_output=True)
    sizes = [one["size"] for one in cli_json("cache", "ls", "--limit", "0")]
    assert sizes
    assert sum(sizes) <= (1 << 20) + (1 << 20) // 10 + 2 * 100_000


def test_a_deleted_flow_run_takes_along_what_is_known_of_results(cli, cli_json, log, told):
    flow_run = log.flow_run("brave-otter")
    run = log.task_run("load-0", "load", flow_run=flow_run)
    log.add(ResultNoted(run, BEGIN, told.keeper.storage.place, "k", True, True, 5.0))
    log.write()
    assert [one["hits"] for one in cli_json("cache", "stats")] == [1]
    assert cli("flow-run", "delete", "brave-otter", "--yes")[0] == 0
    assert cli_json("cache", "stats") == []
