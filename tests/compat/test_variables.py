"""Variables as users of Prefect know them, and better."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from flowstone import flow, task, variables
from flowstone.exceptions import NotInFlowstoneError
from flowstone.store.variables import variables as rows
from flowstone.variables import Variable

pytestmark = pytest.mark.usefixtures("home")


def run(home, program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"from flowstone.variables import Variable\n{program}"],
        env={"FLOWSTONE_HOME": str(home)},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    "value", ["text", 5, 2.5, True, None, [1, "a", None], {"a": {"b": [1]}}, "ä\ud800", 2**80, ""]
)
def test_a_value_that_json_can_carry_comes_back_as_it_was(value):
    made = Variable.set("v", value)
    assert (made.name, made.value, made.tags) == ("v", value, [])
    assert Variable.get("v") == value


def test_a_tuple_comes_back_as_a_list():
    assert Variable.set("v", (1, 2)).value == [1, 2]
    assert Variable.get("v") == [1, 2]


def test_a_variable_that_is_not_there_is_the_default():
    assert Variable.get("nothing") is None
    assert Variable.get("nothing", 5) == 5
    assert Variable.get("No name at all!", "d") == "d"


def test_none_is_a_value():
    Variable.set("v", None)
    assert Variable.get("v", "default") is None


def test_one_that_exists_is_replaced_only_when_asked():
    Variable.set("v", 1)
    with pytest.raises(ValueError, match=r"'v' already exists\. Use `overwrite=True`"):
        Variable.set("v", 2)
    assert Variable.get("v") == 1
    assert Variable.set("v", 2, overwrite=True).value == 2
    assert Variable.get("v") == 2


def test_replacing_keeps_the_tags_and_the_id_unless_others_are_given(home):
    Variable.set("v", 1, tags=["a", "b"])
    [before] = rows(home, "v")
    assert Variable.set("v", 2, overwrite=True).tags == ["a", "b"]
    assert Variable.set("v", 3, tags=[], overwrite=True).tags == []
    [after] = rows(home, "v")
    assert (after.id, after.created) == (before.id, before.created)
    assert after.updated > before.updated


def test_unset_tells_whether_there_was_one():
    Variable.set("v", 1)
    assert Variable.unset("v") is True
    assert Variable.unset("v") is False
    assert Variable.get("v") is None


@pytest.mark.parametrize("name", ["A", "a b", "", "ä", "a.b", "a\n", 5])
def test_a_name_has_only_lower_case_letters_digits_dashes_and_underscores(name):
    with pytest.raises(ValueError, match="lowercase letters, digits, dashes and underscores"):
        Variable.set(name, 1)


def test_a_name_has_at_most_255_characters():
    Variable.set("a" * 255, 1)
    with pytest.raises(ValueError, match="at most 255 characters; got 256"):
        Variable.set("a" * 256, 1)


def test_a_value_has_at_most_5000_characters_as_json():
    Variable.set("fits", "x" * 4998)
    with pytest.raises(ValueError, match=r"5,001 characters as JSON, of at most 5,000"):
        Variable.set("long", "x" * 4999)
    assert Variable.get("long") is None


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, b"x", [float("inf")]])
def test_a_value_that_json_cannot_carry_is_refused_by_name(value):
    with pytest.raises(ValueError, match="variable 'v' cannot be written as JSON"):
        Variable.set("v", value)


def test_a_ring_is_refused_too():
    ring: list = []
    ring.append(ring)
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        Variable.set("v", ring)


@pytest.mark.parametrize("tags", ["abc", [1], 5])
def test_tags_are_a_list_of_texts(tags):
    with pytest.raises(TypeError, match="tag"):
        Variable.set("v", 1, tags=tags)


def test_the_async_twins_do_the_same():
    async def uses():
        made = await Variable.aset("v", 1, ["t"])
        assert await made is made
        assert made.tags == ["t"]
        assert await Variable.aget("v") == 1
        assert await Variable.aset("v", 2, overwrite=True)
        assert await Variable.aget("nothing", 9) == 9
        return await Variable.aunset("v"), await Variable.aunset("v")

    assert asyncio.run(uses()) == (True, False)


def test_what_set_returns_may_be_awaited():
    async def uses():
        return await Variable.set("v", 7)

    assert asyncio.run(uses()).value == 7


def test_runs_sync_and_async_read_them_alike():
    Variable.set("v", 3)

    @task
    def reads():
        return Variable.get("v")

    @task
    async def areads():
        return Variable.get("v"), await Variable.aget("v")

    @flow
    async def main():
        return reads(), await areads(), reads.submit().result()

    assert asyncio.run(main()) == (3, (3, 3), 3)


def test_another_process_sees_at_once_what_was_set(home):
    Variable.set("v", {"a": 1})
    assert run(home, "print(Variable.get('v')); Variable.set('v', 'theirs', overwrite=True)") == (
        "{'a': 1}"
    )
    assert Variable.get("v") == "theirs"


def test_many_writers_at_once_lose_nothing():
    def write(number: int) -> None:
        Variable.set(f"own-{number}", number)
        Variable.set("shared", number, overwrite=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(24)))
    assert [Variable.get(f"own-{number}") for number in range(24)] == list(range(24))
    assert Variable.get("shared") in range(24)


def test_of_many_that_set_it_first_one_does():
    def try_it(number: int) -> bool:
        try:
            Variable.set("first", number)
        except ValueError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_it, range(16))) == 1


@pytest.mark.parametrize("name", ["get", "set", "unset"])
def test_the_functions_of_old_say_what_to_call(name):
    with pytest.raises(NotInFlowstoneError, match="Call it on `Variable`"):
        getattr(variables, name)("v")
