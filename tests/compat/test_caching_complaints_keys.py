"""What users of other tools complain about in cache keys, each by its symptom."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from flowstone import task
from flowstone.cache_policies import DEFAULT, INPUTS, TASK_SOURCE, CachePolicy, Inputs
from flowstone.core.keys import explain, key_of, why_no_key
from flowstone.exceptions import HashError
from tests.core.conftest import project

__all__ = ["project"]


@task
def query(conn, text):
    return text


def context(of=query):
    return SimpleNamespace(task=of, task_run=SimpleNamespace(id="t", flow_run_id="f"))


@pytest.mark.parametrize("policy", [INPUTS, DEFAULT, TASK_SOURCE + INPUTS])
def test_one_ingredient_that_cannot_be_hashed_never_leaves_a_key_made_of_the_others(policy):
    """B1: a compound policy made a key although the inputs had failed to hash."""
    made = key_of(policy, context(), {"conn": threading.Lock(), "text": "a"}, None)
    assert made.key is None
    assert isinstance(made.error, HashError)
    with pytest.raises(HashError):
        policy.compute_key(context(), {"conn": threading.Lock(), "text": "a"}, None)


def test_a_policy_of_a_users_that_raises_leaves_no_key_either():
    class Broken(CachePolicy):
        def compute_key(self, task_ctx, inputs, flow_parameters, **kwargs):
            raise LookupError("no such row")

    made = key_of(INPUTS + Broken(), context(), {"text": "a"}, None)
    assert made.key is None
    assert why_no_key("query", made.error) == (
        "Calls of task 'query' are not cached: its cache policy raised LookupError: no such row"
    )


def test_taking_self_away_from_the_default_takes_it_away():
    """B2: `DEFAULT - "self"` added inputs rather than removing one."""
    policy = DEFAULT - "self"

    def key(own, x):
        return policy.compute_key(context(), {"self": own, "x": x}, None)

    assert key(threading.Lock(), 1) == key(threading.Lock(), 1) != key(threading.Lock(), 2)
    assert policy.policies == [Inputs(exclude=["self"]), *DEFAULT.policies[1:]]


SCRIPT = """
import sys
from dataclasses import dataclass
from flowstone.cache_policies import INPUTS

class Config:
    def __init__(self):
        self.names = {"a", "b", "c"}
        self.clean = lambda x: x + 1

@dataclass(frozen=True)
class Row:
    tags: frozenset

def key():
    rows = {Row(frozenset("xyz")), Row(frozenset("abc"))}
    return INPUTS.compute_key(None, {"config": Config(), "kind": Row, "rows": rows}, None)

if __name__ == "__main__":
    print(key())
"""


def test_objects_of_classes_in_a_script_have_one_key_in_every_run(tmp_path):
    """B3: keys made of pickles differed from run to run."""
    (tmp_path / "script.py").write_text(SCRIPT)
    commands = [["script.py"], ["script.py"], ["-c", "import script; print(script.key())"]]
    keys = {
        subprocess.run(
            [sys.executable, *command], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout
        for command in commands
    }
    assert len(keys) == 1


def test_an_argument_that_cannot_be_hashed_is_one_short_line_that_names_it():
    """B4: a traceback at every call, which named nothing."""
    made = key_of(DEFAULT, context(), {"conn": {"pool": [threading.Lock()]}, "text": "a"}, None)
    assert why_no_key("query", made.error) == (
        "Calls of task 'query' are not cached: argument 'conn', at ['pool'][0]: a lock cannot be "
        "hashed. Leave it out of the key with `- 'conn'`, or use `cache_policy=NO_CACHE`."
    )


def test_an_open_socket_deep_in_an_argument_is_named():
    with socket.socket() as opened:
        made = key_of(INPUTS, context(), {"conn": {"pool": [opened]}}, None)
    assert str(made.error) == "argument 'conn', at ['pool'][0]: a socket cannot be hashed"


def test_a_property_that_raises_while_it_is_hashed_names_its_argument():
    class Sly:
        def __reduce_ex__(self, protocol):
            raise OSError("the line is down")

    made = key_of(INPUTS, context(), {"conn": Sly(), "text": "a"}, None)
    assert "argument 'conn': a Sly cannot be hashed" in why_no_key("query", made.error)
    assert "the line is down" in str(made.error.__cause__)


def test_a_frame_with_its_columns_in_another_order_is_another_input():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1], "b": [2]})
    one, other = ({"text": each} for each in (frame, frame[["b", "a"]]))
    assert INPUTS.compute_key(None, one, None) != INPUTS.compute_key(None, other, None)


def test_a_change_in_a_helper_two_calls_away_misses_and_is_named_with_its_line(project):
    """Keys made of the task's own text alone gave results of old helpers."""
    project.write(
        work="import mid\nfrom flowstone import task\n@task\ndef load(x):\n    return mid.go(x)\n",
        mid="import deep\ndef go(x):\n    return deep.clean(x)\n",
        deep="def clean(x):\n    y = x\n    return y\n",
    )
    policy = INPUTS + TASK_SOURCE

    def made():
        return key_of(policy, context(project.load("work").load), {"x": 1}, None)

    before = made()
    project.edit("deep", "y = x", "y = x  # as it is")
    assert made().key == before.key
    project.edit("deep", "    return y", "    return y + 1")
    after = made()
    assert after.key != before.key
    assert explain(before.pack(), after.pack()) == [
        f"The function deep.clean changed ({project.folder}/deep.py, line 3)."
    ]
