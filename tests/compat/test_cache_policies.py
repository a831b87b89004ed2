from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from flowstone import task
from flowstone.cache_policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    NONE,
    RUN_ID,
    TASK_SOURCE,
    CacheKeyFnPolicy,
    CachePolicy,
    CompoundCachePolicy,
    Inputs,
    task_input_hash,
)
from flowstone.core.keys import explain, key_of, why_no_key
from flowstone.exceptions import HashError
from flowstone.utilities.hashing import hash_objects


@task
def add(a, b):
    return a + b


@task
def subtract(a, b):
    return a - b


def context(of=add, flow_run="flow-run-1", run="task-run-1"):
    return SimpleNamespace(task=of, task_run=SimpleNamespace(id=run, flow_run_id=flow_run))


def key(policy, inputs=None, parameters=None, within=None):
    return policy.compute_key(within or context(), inputs, parameters)


ONE = {"a": 1, "b": 2}


def test_the_base_policy_has_no_key_of_its_own():
    with pytest.raises(NotImplementedError):
        key(CachePolicy(), ONE)


def test_inputs_makes_one_key_of_equal_arguments_in_any_order():
    assert key(INPUTS, ONE) == key(INPUTS, {"b": 2, "a": 1})
    assert key(INPUTS, ONE) != key(INPUTS, {"a": 2, "b": 1})
    assert key(INPUTS, ONE) != key(INPUTS, {"a": 1})


@pytest.mark.parametrize("nothing", [None, {}])
def test_inputs_has_no_key_where_there_are_no_parameters(nothing):
    assert key(INPUTS, nothing) is None


def test_an_argument_that_is_left_out_does_not_count():
    policy = INPUTS - "b"
    assert key(policy, ONE) == key(policy, {"a": 1, "b": 3}) != key(policy, {"a": 2, "b": 2})
    assert policy == Inputs(exclude=["b"])
    assert key(policy - "a", ONE) == key(policy - "a", {"a": 5, "b": 6}) is not None


def test_task_source_makes_a_key_of_the_code():
    assert key(TASK_SOURCE, ONE) == key(TASK_SOURCE, None)
    assert key(TASK_SOURCE) != key(TASK_SOURCE, within=context(subtract))
    assert TASK_SOURCE.compute_key(None, ONE, None) is None


def test_flow_parameters_has_a_key_only_where_there_are_some():
    assert key(FLOW_PARAMETERS, ONE, {"x": 1}) == key(FLOW_PARAMETERS, None, {"x": 1})
    assert key(FLOW_PARAMETERS, ONE, {"x": 1}) != key(FLOW_PARAMETERS, ONE, {"x": 2})
    assert key(FLOW_PARAMETERS, ONE, {}) is None
    assert key(FLOW_PARAMETERS, ONE, None) is None


def test_run_id_is_that_of_the_flow_run_else_of_the_task_run():
    assert key(RUN_ID) == "flow-run-1"
    assert key(RUN_ID, within=context(flow_run=None)) == "task-run-1"


def test_no_cache_has_no_key():
    assert key(NO_CACHE, ONE, ONE) is None
    assert NONE is NO_CACHE


def test_the_default_is_inputs_source_and_run():
    assert INPUTS + TASK_SOURCE + RUN_ID == DEFAULT
    assert key(DEFAULT, ONE) == key(DEFAULT, ONE)
    assert key(DEFAULT, ONE) != key(DEFAULT, {"a": 2, "b": 2})
    assert key(DEFAULT, ONE) != key(DEFAULT, ONE, within=context(subtract))
    assert key(DEFAULT, ONE) != key(DEFAULT, ONE, within=context(flow_run="flow-run-2"))


def test_adding_flattens_and_merges_what_is_excluded():
    policy = (INPUTS - "a") + TASK_SOURCE + (Inputs(exclude=["b"]) + RUN_ID)
    assert isinstance(policy, CompoundCachePolicy)
    assert policy.policies == [Inputs(exclude=["a", "b"]), TASK_SOURCE, RUN_ID]


def test_adding_leaves_alone_what_a_subclass_of_inputs_makes_of_them():
    class FirstOnly(Inputs):
        def compute_key(self, task_ctx, inputs, flow_parameters, **kwargs):
            return f"first {inputs['a']}"

    policy = FirstOnly() + INPUTS + Inputs(exclude=["b"])
    assert [type(one) for one in policy.policies] == [FirstOnly, Inputs]
    assert policy.policies[1].exclude == ["b"]


def test_adding_no_cache_changes_nothing():
    assert (INPUTS + NO_CACHE) is INPUTS
    assert (NO_CACHE + INPUTS) is INPUTS
    assert DEFAULT + NO_CACHE == DEFAULT


def test_a_compound_ignores_policies_without_a_key():
    assert key(INPUTS + TASK_SOURCE, None) == key(FLOW_PARAMETERS + TASK_SOURCE, None)
    assert key(INPUTS + FLOW_PARAMETERS, None) is None
    assert key(CompoundCachePolicy(policies=[])) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("key_storage", "storage locations"),
        ("isolation_level", "isolation levels"),
        ("lock_manager", "lock implementations"),
    ],
)
def test_policies_that_are_configured_otherwise_cannot_be_added(name, said):
    one, other = INPUTS.configure(**{name: "one"}), TASK_SOURCE.configure(**{name: "other"})
    with pytest.raises(ValueError, match=f"^Cannot add CachePolicies with different {said}\\.$"):
        _ = one + other
    for both in (one + TASK_SOURCE, TASK_SOURCE + one, one + one.configure()):
        assert getattr(both, name) == "one"


def test_configure_gives_another_policy_and_shares_what_cannot_be_copied():
    manager = SimpleNamespace(lock=threading.Lock())
    policy = (INPUTS + RUN_ID).configure(lock_manager=manager, key_storage="/keys")
    assert (policy.lock_manager, policy.key_storage) == (manager, "/keys")
    again = policy.configure(isolation_level="high")
    assert (again.lock_manager, again.key_storage) == (manager, "/keys")
    assert policy.isolation_level is None


def test_policies_are_never_changed():
    inputs, compound = Inputs(exclude=["x"]), DEFAULT + FLOW_PARAMETERS
    _ = inputs - "a", inputs + DEFAULT, compound - "a", compound.configure(key_storage="/k")
    assert inputs == Inputs(exclude=["x"])
    assert compound.policies == [INPUTS, TASK_SOURCE, RUN_ID, FLOW_PARAMETERS]
    assert compound.key_storage is None


def test_leaving_out_an_argument_keeps_how_the_policy_was_configured():
    policy = DEFAULT.configure(key_storage="/keys", isolation_level="high") - "a"
    assert (policy.key_storage, policy.isolation_level) == ("/keys", "high")
    assert policy.policies[0] == Inputs(exclude=["a"])


@pytest.mark.parametrize("policy", [TASK_SOURCE, RUN_ID, NO_CACHE, TASK_SOURCE + RUN_ID])
def test_leaving_out_an_argument_of_a_policy_without_arguments_leaves_it_as_it_is(policy):
    assert policy - "a" == policy


@pytest.mark.parametrize("policy", [INPUTS, DEFAULT, TASK_SOURCE, NO_CACHE])
def test_only_a_name_can_be_left_out(policy):
    with pytest.raises(TypeError, match=r"name of an argument.*got 5"):
        _ = policy - 5


def test_a_function_of_context_and_arguments_makes_the_key():
    policy = CachePolicy.from_cache_key_fn(lambda ctx, args: f"{ctx.task.name}-{args['a']}")
    assert isinstance(policy, CacheKeyFnPolicy)
    assert key(policy, ONE) == "add-1"
    assert key(policy + RUN_ID, ONE) != key(policy + RUN_ID, {"a": 2})
    assert key(CacheKeyFnPolicy(cache_key_fn=lambda ctx, args: None), ONE) is None


def test_a_policy_of_ones_own_needs_only_compute_key():
    class ByDay(CachePolicy):
        def __init__(self, day):
            self.day = day

        def compute_key(self, task_ctx, inputs, flow_parameters, **kwargs):
            return f"{self.day}"

    assert key(ByDay("monday")) == "monday"
    assert key(ByDay("monday") + INPUTS, ONE) != key(ByDay("sunday") + INPUTS, ONE)
    assert key_of(ByDay("monday"), context(), ONE, None).key == "monday"
    assert ByDay("monday").configure(key_storage="/k").day == "monday"


def test_a_key_that_is_no_text_is_no_key():
    made = key_of(CacheKeyFnPolicy(cache_key_fn=lambda ctx, args: 5), context(), ONE, None)
    assert made.key is None
    assert "CacheKeyFnPolicy gave 5" in why_no_key("add", made.error)


def test_task_input_hash_is_a_key_of_task_code_and_arguments():
    first = task_input_hash(context(), ONE)
    assert first == task_input_hash(context(), {"b": 2, "a": 1})
    assert first != task_input_hash(context(), {"a": 2, "b": 2})
    assert first != task_input_hash(context(subtract), ONE)
    with pytest.raises(HashError, match="argument 'a': a lock cannot be hashed"):
        task_input_hash(context(), {"a": threading.Lock()})


def test_hash_objects_is_where_users_import_it_from():
    assert hash_objects([1], x=2) == hash_objects([1], x=2)


def test_the_ingredients_of_a_key_tell_what_changed():
    def packed(policy, inputs, parameters=None, **ctx):
        return key_of(policy, context(**ctx), inputs, parameters).pack()

    policy = DEFAULT + FLOW_PARAMETERS
    old = packed(policy, ONE, {"x": [1]})
    assert explain(old, packed(policy, ONE, {"x": [1]})) == []
    assert explain(old, packed(policy, {"a": 1, "b": 3}, {"x": [2]})) == [
        "The flow's parameter 'x' differs.",
        "The argument 'b' differs.",
    ]
    assert explain(old, packed(policy, ONE, {"x": [1]}, flow_run="other")) == [
        "The run differs: flow-run-1 then, other now."
    ]
    [reached, gone] = explain(old, packed(policy, ONE, {"x": [1]}, of=subtract))
    assert ".subtract is reached now" in reached
    assert ".add is not reached any more" in gone
    assert explain(old, packed(INPUTS, {"a": 1, "b": 2})) == [
        "The ingredient 'flow_parameter.x' is gone.",
        "The ingredient 'run' is gone.",
        "The ingredient 'source' is gone.",
    ]
