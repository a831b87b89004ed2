"""Artifacts as users of Prefect know them, and better."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import uuid
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from flowstone import flow, task
from flowstone.artifacts import (
    Artifact,
    ArtifactId,
    ImageArtifact,
    LinkArtifact,
    MarkdownArtifact,
    ProgressArtifact,
    TableArtifact,
    acreate_image_artifact,
    acreate_link_artifact,
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from flowstone.core.facts import ArtifactWritten
from flowstone.runtime import flow_run, task_run
from flowstone.store.queries import open_store

pytestmark = pytest.mark.usefixtures("home")


def data_of(key: str):
    found = Artifact.get(key)
    assert found is not None
    return found.data


def test_an_artifact_belongs_to_the_flow_run_and_the_task_run_that_make_it():
    @task
    def report():
        create_markdown_artifact("# done", key="of-task")
        return flow_run.id, task_run.id

    @flow
    def nightly():
        create_markdown_artifact("# begun", key="of-flow")
        return report()

    in_flow, in_task = nightly()
    of_task, of_flow = Artifact.get("of-task"), Artifact.get("of-flow")
    assert (str(of_task.flow_run_id), str(of_task.task_run_id)) == (in_flow, in_task)
    assert (str(of_flow.flow_run_id), of_flow.task_run_id) == (in_flow, None)


def test_outside_of_a_run_an_artifact_is_recorded_without_a_warning():
    create_markdown_artifact("# loose", key="loose")
    found = Artifact.get("loose")
    assert (found.data, found.flow_run_id, found.task_run_id) == ("# loose", None, None)


def test_each_kind_is_kept_as_text_that_reads_alike():
    create_markdown_artifact("# hi", key="markdown", description="a heading")
    create_link_artifact("https://example.org", "there", key="link")
    create_link_artifact("https://example.org", key="bare-link", client=object())
    create_image_artifact("https://example.org/a.png", key="image")
    create_table_artifact([{"a": 1, "b": None}], key="table")
    create_progress_artifact(12.5, key="progress")
    kept = {
        key: (Artifact.get(key).type, data_of(key))
        for key in ("markdown", "link", "bare-link", "image", "table", "progress")
    }
    assert kept == {
        "markdown": ("markdown", "# hi"),
        "link": ("markdown", "[there](https://example.org)"),
        "bare-link": ("markdown", "[https://example.org](https://example.org)"),
        "image": ("image", "https://example.org/a.png"),
        "table": ("table", '[{"a":1,"b":null}]'),
        "progress": ("progress", 12.5),
    }
    assert Artifact.get("markdown").description == "a heading"


def test_what_is_returned_is_a_uuid_that_await_gives_as_it_is():
    made = create_markdown_artifact("x", key="x")
    assert isinstance(made, uuid.UUID)
    assert made == uuid.UUID(str(made))

    async def awaits():
        assert await made is made
        assert await Artifact(key="y").create() == Artifact.get("y")

    asyncio.run(awaits())
    assert Artifact.get("x").id == made


def test_a_task_may_return_the_id(home):
    @task
    def sync_report():
        return create_markdown_artifact("x")

    @task
    async def async_report():
        return create_markdown_artifact("x")

    @flow
    async def both():
        return sync_report(), await async_report(), sync_report.submit().result()

    assert all(isinstance(one, ArtifactId) for one in asyncio.run(both()))


def test_the_async_twins_do_the_same_inside_and_outside_of_a_loop():
    async def makes():
        await acreate_markdown_artifact("m", key="m")
        await acreate_link_artifact("l", key="l")
        await acreate_table_artifact([[1]], key="t")
        await acreate_image_artifact("i", key="i")
        made = await acreate_progress_artifact(1, key="p")
        assert await aupdate_progress_artifact(made, 2) == made
        found, is_new = await Artifact.aget_or_create("q", data=1)
        assert is_new
        assert await Artifact.aget("q") == found
        await MarkdownArtifact(markdown="c", key="c").acreate()
        return [data_of(key) for key in "mltipc"]

    assert asyncio.run(makes()) == ["m", "[l](l)", "[[1]]", "i", 2.0, "c"]


def test_a_sync_helper_called_on_a_running_loop_does_its_work_there():
    def helper():
        return create_markdown_artifact("x", key="from-helper")

    @flow
    async def main():
        return helper()

    assert Artifact.get("from-helper") is None
    made = asyncio.run(main())
    assert Artifact.get("from-helper").id == made


def test_artifacts_of_one_key_are_versions_and_the_newest_is_the_one_to_get(home):
    first = create_markdown_artifact("one", key="report")
    second = create_markdown_artifact("two", key="report")
    assert first != second
    assert data_of("report") == "two"
    with open_store(home) as store:
        assert [row.data for row in store.artifacts(key="report")] == ["two", "one"]


def test_progress_is_changed_in_place(home):
    made = create_progress_artifact(0, key="p", description="begins")
    assert update_progress_artifact(made, 50) == made
    update_progress_artifact(made, 75, description="nearly")
    with open_store(home) as store:
        [row] = store.artifacts(key="p")
    assert (row.data, row.description) == ("75.0", "nearly")
    assert row.updated > row.created


def test_progress_from_another_process_changes_the_same_artifact(home):
    made = create_progress_artifact(0, key="p")
    program = (
        "from uuid import UUID; from flowstone.artifacts import update_progress_artifact; "
        f"update_progress_artifact(UUID('{made}'), 40)"
    )
    subprocess.run([sys.executable, "-c", program], env={"FLOWSTONE_HOME": str(home)}, check=True)
    assert data_of("p") == 40.0


@pytest.mark.parametrize(("given", "kept"), [(150, 100.0), (-3.5, 0.0), (float("inf"), 100.0)])
def test_progress_out_of_range_is_moved_into_it_with_two_warnings(given, kept, caplog):
    create_progress_artifact(given, key="p")
    assert data_of("p") == kept
    warnings = [one.getMessage() for one in caplog.records if one.levelname == "WARNING"]
    assert len(warnings) == 2
    assert str(given) in warnings[0]
    assert str(kept) in warnings[1]


@pytest.mark.parametrize("given", [float("nan"), "50", None])
def test_progress_that_is_no_number_is_refused_where_it_is_given(given):
    with pytest.raises(TypeError, match="number from 0 to 100"):
        create_progress_artifact(given, key="p")
    assert Artifact.get("p") is None


def test_an_update_of_what_is_no_id_is_refused():
    with pytest.raises(TypeError, match="UUID"):
        update_progress_artifact("p", 50)


@pytest.mark.parametrize(
    "table",
    [
        [{"a": 1}, {"b": 2}],
        {"a": [1, 2], "b": [3, 4]},
        [[1, 2], [3, None]],
        [],
        {},
        [(1, 2), [3, 4]],
    ],
)
def test_a_table_is_rows_or_columns(table):
    create_table_artifact(table, key="t")
    assert json.loads(data_of("t")) == json.loads(json.dumps(table))


@pytest.mark.parametrize("table", ["abc", {"a": 1}, [1, 2], [{"a": 1}, [2]], 5, None])
def test_what_is_no_table_is_refused_with_what_a_table_is(table):
    with pytest.raises(TypeError, match="list of dicts, a list of lists, or a dict of lists"):
        create_table_artifact(table, key="t")


def test_not_a_number_and_infinities_in_a_table_are_null():
    create_table_artifact([{"a": float("nan"), "b": float("inf"), "c": 1.5}], key="t")
    assert json.loads(data_of("t")) == [{"a": None, "b": None, "c": 1.5}]


class Opaque:
    def __str__(self):
        return "opaque thing"


def test_what_json_cannot_carry_is_text_in_a_table():
    when = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as users have them
    row = {"o": Opaque(), "p": Path("a/b"), "d": Decimal("1.10"), "t": when, "u": uuid.UUID(int=5)}
    create_table_artifact([row], key="t")
    [kept] = json.loads(data_of("t"))
    assert kept == {
        "o": "opaque thing",
        "p": "a/b",
        "d": "1.10",
        "t": "2026-01-02T03:04:05",
        "u": str(uuid.UUID(int=5)),
    }


def test_values_that_no_encoder_takes_do_not_keep_a_table_from_being_made():
    ring: list = [1]
    ring.append(ring)
    row = {"big": 2**80, "text": "\ud800\0", "nan": float("nan"), "o": Opaque(), (1, 2): "key"}
    create_table_artifact([row, {"ring": ring}], key="t")
    kept, other = json.loads(data_of("t"))
    assert kept["big"] == str(2**80)
    assert kept["nan"] is None
    assert kept["o"] == "opaque thing"
    assert kept["(1, 2)"] == "key"
    assert other == {"ring": [1, "..."]}


def test_numbers_of_numpy_are_numbers():
    numpy = pytest.importorskip("numpy")
    create_table_artifact([{"i": numpy.int64(3), "f": numpy.float32(0.5), "n": numpy.nan}], key="t")
    assert json.loads(data_of("t")) == [{"i": 3, "f": 0.5, "n": None}]


def test_an_artifact_of_ten_megabytes_is_kept_whole():
    text = "0123456789" * 1_000_000
    create_markdown_artifact(text, key="long")
    assert data_of("long") == text


@pytest.mark.parametrize("key", ["A", "a b", "a_b", "", "ä", "a\n", 5])
def test_a_key_has_only_lower_case_letters_digits_and_dashes(key):
    with pytest.raises(ValueError, match="lowercase letters, digits and dashes"):
        create_markdown_artifact("x", key=key)
    with pytest.raises(ValueError, match="lowercase letters"):
        Artifact(key=key)


def test_a_wrong_key_is_answered_with_a_right_one():
    with pytest.raises(ValueError, match="Try 'daily-report'"):
        create_markdown_artifact("x", key="Daily Report")


@pytest.mark.parametrize("make", [create_markdown_artifact, create_link_artifact])
def test_text_that_is_none_is_refused_where_it_is_given(make):
    with pytest.raises(TypeError, match="is text; got int"):
        make(5, key="x")


def test_lone_surrogates_and_nul_do_not_break_what_is_recorded():
    create_markdown_artifact("a\ud800b\0c", key="odd", description="\ud800")
    assert data_of("odd") == "a\\ud800b\\x00c"


def test_the_classes_format_and_create():
    assert MarkdownArtifact(markdown="m").format() == "m"
    assert LinkArtifact(link="l", link_text="t").format() == "[t](l)"
    assert ImageArtifact(image_url="i").format() == "i"
    assert TableArtifact(table=[[1]]).format() == "[[1]]"
    assert ProgressArtifact(progress=3).format() == 3.0
    made = MarkdownArtifact(key="k", markdown="m", description="d").create()
    assert (made.type, made.key, made.data, made.description) == ("markdown", "k", "m", "d")
    assert made == Artifact.get("k")


@pytest.mark.parametrize(
    ("given", "kept"), [({"a": 1}, '{"a":1}'), ("text", '"text"'), (5.5, "5.5"), (None, None)]
)
def test_an_artifact_of_ones_own_type_is_json(given, kept):
    made = Artifact(type="mine", key="k", data=given).create()
    assert made.data == kept
    assert Artifact.get("k").data == kept
    assert Artifact.get("k").type == "mine"


def test_get_or_create_makes_it_once():
    first, is_new = Artifact.get_or_create("k", "described", 1, type="mine")
    again, is_new_again = Artifact.get_or_create(key="k", description="other", data=2)
    assert (is_new, is_new_again) == (True, False)
    assert again == first
    assert (again.data, again.description) == ("1", "described")
    made, is_new = MarkdownArtifact.get_or_create(key="m", markdown="text")
    assert (made.type, made.data, is_new) == ("markdown", "text", True)


def test_get_or_create_without_a_key_always_makes_one():
    assert Artifact.get_or_create(data=1)[1]
    assert Artifact.get_or_create(data=1)[1]


def test_there_may_be_no_artifact_of_a_key():
    assert Artifact.get("nothing") is None


def test_making_one_in_a_run_is_one_record_and_reads_nothing(recorded):
    @flow
    def makes():
        for number in range(50):
            create_markdown_artifact(str(number), key="k")

    makes()
    written = [fact for fact in recorded.facts if isinstance(fact, ArtifactWritten)]
    assert [fact.data for fact in written] == [str(number) for number in range(50)]
    assert not (recorded.home / "flowstone.db").exists()


def test_a_killed_run_keeps_every_artifact_its_caller_saw(home):
    program = (
        "import os, signal\nfrom flowstone import flow\n"
        "from flowstone.artifacts import create_markdown_artifact\n"
        "@flow\ndef f():\n    create_markdown_artifact('seen', key='seen')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\nf()"
    )
    subprocess.run([sys.executable, "-c", program], env={"FLOWSTONE_HOME": str(home)}, check=False)
    assert data_of("seen") == "seen"
    with open_store(home) as store:
        [run] = store.flow_runs()
    assert (run.state_name, run.id) == ("Crashed", Artifact.get("seen").flow_run_id.bytes)
