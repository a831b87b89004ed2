"""Tasks and flows as methods: each handle is bound to its own instance or class."""

from __future__ import annotations

import abc
import asyncio
import copy
import functools
import inspect
import json
import pickle
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pydantic
import pytest

from flowstone import Flow, Task, flow, task
from flowstone.exceptions import ParameterBindError

BOTH = pytest.mark.parametrize("make", [task, flow])


class Counter:
    """Counts, and can be iterated over."""

    step = 10

    def __init__(self, start):
        self.start = start
        self.seen = []

    def __iter__(self):
        return iter([1, 2, 3])

    @task(task_run_name="{self.start}+{x}")
    def add(self, x=1):
        """Add to the start."""
        self.seen.append(x)
        return self.start + x

    @task
    async def add_later(self, x):
        await asyncio.sleep(0)
        return self.start + x

    @task
    def values(self, n):
        for i in range(n):
            yield self.start + i

    @flow(flow_run_name="{self.start}*{x}")
    def times(self, x: int):
        return self.start * x

    @task
    @classmethod
    def above(cls, x):
        return cls.step + x

    @classmethod
    @task
    def below(cls, x):
        return cls.step + x

    @task
    @staticmethod
    def above_static(x):
        return x

    @staticmethod
    @task
    def below_static(x):
        return x


class Faster(Counter):
    step = 100

    @task
    def add(self, x=1):
        return super().add(x) + 1000


@pytest.fixture
def counter(home):
    return Counter(5)


def test_a_method_gets_its_instance(counter):
    assert counter.add(2) == 7
    assert counter.add() == 6
    assert counter.add(x=3) == 8
    assert counter.seen == [2, 1, 3]


def test_a_flow_method_gets_its_instance_and_its_parameters_are_checked(counter, recorded):
    assert counter.times("3") == 15
    assert json.loads(recorded.created("5*3").parameters) == {"x": 3}


def test_the_instance_is_the_callers_own_and_no_copy(home):
    class Same:
        @task
        def me(self):
            return self

        @flow
        def me_too(self):
            return self

    same = Same()
    assert same.me() is same
    assert same.me_too() is same


def test_a_method_can_be_called_on_the_class_with_an_instance(counter):
    assert counter.add(1) == 6
    assert Counter.add(Counter(7), 1) == 8
    assert Counter.times(Counter(7), 2) == 14


def test_the_instance_stands_in_name_templates(counter, recorded):
    counter.add(2)
    assert recorded.states("5+2")[-1] == "Completed"


def test_two_handles_taken_before_they_are_called_keep_their_instances(home):
    first, second = Counter(1).add, Counter(2).add
    assert (first(0), second(0), first(0)) == (1, 2, 1)


def test_handles_used_from_many_threads_never_mix_up(home):
    counters = [Counter(n) for n in range(8)]
    begin = threading.Barrier(8)

    def work(counter):
        begin.wait(10)
        return {counter.add(0) for _ in range(200)}

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, counters)) == [{n} for n in range(8)]


def test_instances_of_submitted_methods_never_mix_up(home):
    @flow
    def many():
        futures = [(n, Counter(n).add.submit(0)) for n in range(100)]
        return [n for n, future in futures if future.result() != n]

    assert many() == []


def test_async_methods_get_their_instance(counter):
    async def both():
        return await asyncio.gather(counter.add_later(1), Counter(7).add_later(1))

    assert asyncio.run(both()) == [6, 8]


def test_generator_methods_get_their_instance(counter):
    assert list(counter.values(3)) == [5, 6, 7]


@pytest.mark.parametrize("cls", [Counter, Faster])
def test_a_task_above_classmethod_gets_the_class_it_is_called_on(home, cls):
    assert cls.above(1) == cls.step + 1
    assert cls(0).above(1) == cls.step + 1


@pytest.mark.parametrize("cls", [Counter, Faster])
def test_a_task_below_classmethod_gets_the_class_it_is_called_on(home, cls):
    assert cls.below(1) == cls.step + 1
    assert cls(0).below(1) == cls.step + 1


def test_staticmethods_get_nothing_whichever_stands_above(counter):
    for owner in (counter, Counter):
        assert owner.above_static(3) == 3
        assert owner.below_static(3) == 3
        assert isinstance(owner.above_static, Task)
        assert isinstance(owner.below_static, Task)


@BOTH
def test_flows_and_tasks_know_what_kind_of_method_they_are(make):
    class Kinds:
        @make
        def plain(self): ...

        @make
        @classmethod
        def of_class(cls): ...

        @make
        @staticmethod
        def static(): ...

    kinds = Kinds()
    assert [
        (one.ismethod, one.isclassmethod, one.isstaticmethod)
        for one in (kinds.plain, kinds.of_class, kinds.static, make(lambda: 1))
    ] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (False, False, False),
    ]


def test_methods_submit_and_map(counter):
    @flow
    def submits():
        submitted = [
            counter.add.submit(2),
            Counter.add.submit(counter, 3),
            Counter.above.submit(1),
            counter.above_static.submit(4),
            counter.below_static.submit(5),
            counter.add_later.submit(6),
        ]
        return [future.result() for future in submitted], counter.add.map([7, 8]).result()

    assert submits() == ([7, 8, 11, 4, 5, 11], [12, 13])


def test_a_task_below_classmethod_is_a_task_until_python_3_13_binds_it_itself(home):
    @flow
    def submits():
        return Faster.below.submit(1).result()

    if sys.version_info >= (3, 13):
        assert type(Faster.below) is types.MethodType
    else:
        assert submits() == 101


def test_an_instance_that_can_be_iterated_over_is_not_mapped_over(counter):
    @flow
    def maps():
        return counter.add.map([1, 2]).result()

    assert maps() == [6, 7]


def test_with_options_keeps_the_binding(counter, recorded):
    renamed = counter.add.with_options(name="renamed", task_run_name=None)
    assert renamed(1) == 6
    assert recorded.states("renamed")[-1] == "Completed"
    assert Faster.above.with_options(name="x")(1) == 101
    assert counter.times.with_options(flow_run_name=None)(2) == 10
    assert Counter(9).add.with_options(name="y")(1) == 10


def test_arguments_are_checked_without_the_instance(counter):
    with pytest.raises(ParameterBindError, match="too many positional arguments"):
        counter.add(1, 2)
    with pytest.raises(ParameterBindError, match="missing a required argument: 'x'"):
        counter.times()


def test_a_handle_is_a_task_that_looks_like_its_method(counter):
    handle = counter.add
    assert isinstance(handle, Task)
    assert isinstance(counter.times, Flow)
    assert (handle.name, handle.__name__, handle.__doc__) == ("add", "add", "Add to the start.")
    assert str(inspect.signature(handle)) == "(x=1)"
    assert handle.task_key == Counter.add.task_key
    assert handle.fn is Counter.add.fn
    assert handle.fn(counter, 1) == 6
    assert repr(handle) == "<Task 'add'>"
    with pytest.raises(AttributeError, match="no_such"):
        _ = handle.no_such


def test_hooks_added_through_a_handle_fire_for_all_instances(home):
    class Hooked:
        @task
        def run(self): ...

    fired = []

    @Hooked().run.on_completion
    def note(task, run, state):
        fired.append(task.name)

    Hooked().run()
    assert fired == ["run"]


def test_a_method_calls_that_of_its_parent(home):
    assert Faster(1).add(2) == 1003


def test_a_handle_kept_in_another_class_stays_with_its_instance(counter):
    class Holder:
        add = counter.add

    assert Holder().add(1) == 6


def test_handles_are_copied_and_pickled_with_their_instance(counter):
    assert copy.copy(counter.add)(1) == 6
    assert copy.deepcopy(counter.above_static)(1) == 1
    assert copy.deepcopy(counter.add).instance is not counter


def test_methods_of_pydantic_models(home):
    class Model(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(ignored_types=(Task, Flow))
        a: int

        @task
        def plus(self, x):
            return self.a + x

        @flow
        def doubled(self, x: int = 2):
            return self.plus(x) * 2

        @task
        @classmethod
        def named(cls):
            return cls.__name__

    model = Model(a=1)
    assert (model.plus(2), model.doubled(), Model.named()) == (3, 6, "Model")
    assert model.model_dump() == {"a": 1}


def test_methods_of_dataclasses_and_abstract_methods(home):
    class Shape(abc.ABC):
        @task
        @abc.abstractmethod
        def area(self): ...

    @dataclass
    class Square(Shape):
        side: int

        @task
        def area(self):
            return self.side**2

    assert Square(3).area() == 9
    with pytest.raises(TypeError, match="abstract"):
        Shape()


@BOTH
def test_what_is_no_function_does_not_bind(home, make):
    class Adder:
        def __call__(self, x):
            return x + 1

    class Holder:
        partial = make(functools.partial(max, 3))
        thing = make(Adder())
        kept = make(Counter(1).__iter__)
        whole = make(int, validate_parameters=False) if make is flow else make(int)

    holder = Holder()
    assert (holder.partial(5), holder.thing(1), holder.whole("4")) == (5, 2, 4)
    assert list(holder.kept()) == [1, 2, 3]


def test_a_lambda_in_a_class_is_a_method(home):
    class Holder:
        twice = task(lambda self, x: 2 * x)

    assert Holder().twice(4) == 8


def test_a_task_kept_in_an_instance_does_not_bind(home):
    class Holder:
        def __init__(self):
            self.load = task(lambda x: x)

    assert Holder().load(3) == 3


def test_parameters_of_a_method_are_validated_without_the_instance(counter):
    assert counter.times.validate_parameters({"x": "4"}) == {"x": 4}
    with pytest.raises(ParameterBindError, match="no parameter 'y'"):
        counter.times.validate_parameters({"y": 1})


@pytest.mark.filterwarnings("ignore:`flow.*` calls the flow's function")
def test_a_method_is_drawn_with_its_instance(counter):
    @task
    def inner(x): ...

    class Drawn:
        @flow
        def calls(self, names):
            for name in names:
                inner.with_options(name=name)(self)

    graph = Drawn().calls.generate_mermaid_graph(["one", "two"])
    assert "one" in graph
    assert "two" in graph


def test_a_handle_can_be_pickled_where_its_task_can():
    handle = Counter(3).add
    rebuilt, arguments = pickle_parts(handle)
    assert rebuilt(*arguments).func is handle.func


def pickle_parts(handle):
    made, arguments, *_ = handle.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    return made, arguments
