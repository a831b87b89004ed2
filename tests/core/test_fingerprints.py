from __future__ import annotations

import ast
import json
import linecache

import msgspec
import pytest

from flowstone.core import sources
from flowstone.core.fingerprints import Fingerprint, explain, fingerprint

STEPS = """
    import json
    import functools
    import near
    from near import tidy, Shape
    from flowstone import task

    LIMIT = 5
    TABLE = {"a": near.double}
    shape = Shape()

    @task(retries=2)
    def load(items, most=LIMIT):
        '''Load some.'''
        # the first
        rows = [tidy(item) for item in items]
        return json.dumps(rows[:LIMIT])

    def uses_a_module(x):
        return near.double(x)

    def uses_a_table(x):
        return TABLE["a"](x)

    def uses_a_class(x):
        return Shape.area(x)

    def uses_an_instance(x):
        return shape.area()

    def uses_data(x):
        return near.Row(1).total() + near.Entry(2).total() + near.Model(n=3).total()

    def uses_an_enum(x):
        return near.Color.RED.rgb(), near.Pair(1, 2)

    class Loader:
        @task(retries=1)
        def load(self, x):
            return self.clean(x)

        def clean(self, x):
            return near.double(x)

    method = Loader.load

    def uses_a_default(x, by=near.double):
        return by(x)

    def uses_a_cached_one(x):
        return near.slow(x)

    def uses_a_task(x):
        return load(x)

    def uses_a_decorated_one(x):
        return near.logged(x)

    def imports_within(x):
        from far import half
        return half(x)

    def maker(n):
        def inner(x):
            return tidy(x) * n
        return inner

    times_three = maker(3)
    part = functools.partial(near.double, y=2)
    shift = lambda x: near.double(x) + 1
"""
NEAR = """
    import dataclasses
    import enum
    import functools
    from collections import namedtuple
    import msgspec
    import pydantic
    from far import half
    import far

    FACTOR = 2

    def tidy(x):
        return half(x) + 1

    def double(x, y=1):
        return tidy(x) * FACTOR

    @functools.lru_cache(maxsize=None)
    def slow(x):
        return half(x)

    def logging(fn):
        @functools.wraps(fn)
        def wrapper(*args):
            return fn(*args)
        return wrapper

    @logging
    def logged(x):
        return half(x)

    @dataclasses.dataclass(order=True)
    class Row:
        n: int = FACTOR
        names: list = dataclasses.field(default_factory=list)

        def total(self):
            return half(self.n)

    class Entry(msgspec.Struct):
        n: int

        def total(self):
            return half(self.n)

    class Model(pydantic.BaseModel):
        n: int = FACTOR

        @pydantic.field_validator("n")
        @classmethod
        def check(cls, value):
            return value

        @functools.cached_property
        def part(self):
            return 1

        def total(self):
            return half(self.n)

    class Color(enum.Enum):
        RED = FACTOR

        def rgb(self):
            return half(self.value)

    Pair = namedtuple("Pair", "x y")

    class Base:
        def scale(self):
            return half(4)

    class Shape(Base):
        '''A shape.'''
        sides = 4

        def area(self):
            return self.scale()
"""
FAR = """
    SHARE = 2

    def half(x):
        '''Return half of it.'''
        return x / SHARE

    def unused(x):
        return x
"""
REACHING = (
    "load",
    "uses_a_module",
    "uses_a_table",
    "uses_a_class",
    "uses_an_instance",
    "uses_a_default",
    "uses_a_cached_one",
    "uses_a_task",
    "uses_a_decorated_one",
    "imports_within",
    "times_three",
    "part",
    "shift",
    "uses_data",
    "uses_an_enum",
    "method",
)


@pytest.fixture
def steps(project):
    project.write(steps=STEPS, near=NEAR, far=FAR)
    return project


def taken(project, name="load"):
    return fingerprint(getattr(project.load("steps"), name))


def test_a_comment_a_blank_line_and_another_layout_change_nothing(steps):
    before = taken(steps)
    steps.edit("steps", "# the first", "# the last, told\n        # in two lines\n")
    steps.edit("steps", "json.dumps(rows[:LIMIT])", "(\n        json.dumps( rows[ : LIMIT ] )\n)")
    steps.edit("far", "def half(x):", "# one\n\ndef half( x ):   # two")
    after = taken(steps)
    assert after.digest == before.digest
    assert explain(before, after) == []


def test_a_functions_docstring_changes_nothing(steps):
    before = taken(steps)
    steps.edit("steps", "'''Load some.'''", "'''Load all.'''")
    steps.edit("far", "    '''Return half of it.'''\n", "")
    assert taken(steps).digest == before.digest


def test_a_classes_docstring_counts_because_libraries_make_prompts_of_it(steps):
    before = taken(steps, "uses_a_class")
    steps.edit("near", "'''A shape.'''", "'''A form.'''")
    assert taken(steps, "uses_a_class").digest != before.digest


def test_the_options_of_a_task_change_nothing(steps):
    before = taken(steps)
    steps.edit("steps", "@task(retries=2)", "@task(retries=3, name='other')")
    assert taken(steps).digest == before.digest
    before = taken(steps, "method")
    steps.edit("steps", "@task(retries=1)", "@task(retries=2)")
    assert taken(steps, "method").digest == before.digest


def test_what_is_not_reached_changes_nothing(steps):
    before = taken(steps)
    steps.edit("far", "def unused(x):\n    return x", "def unused(x):\n    return x + 1")
    steps.edit("near", "FACTOR = 2", "FACTOR = 3")
    assert taken(steps).digest == before.digest


@pytest.mark.parametrize("name", REACHING)
def test_a_change_in_a_helper_two_calls_away_is_found_and_named_with_its_line(steps, name):
    before = taken(steps, name)
    steps.edit("far", "return x / SHARE", "return x / SHARE / 1")
    after = taken(steps, name)
    assert after.digest != before.digest
    [told] = explain(before, after)
    if name == "imports_within":
        assert told == f"The module far changed ({steps.folder}/far.py, line 6)."
    else:
        assert told == f"The function far.half changed ({steps.folder}/far.py, line 6)."


def test_a_constant_two_calls_away_is_found_and_named(steps):
    before = taken(steps)
    steps.edit("far", "SHARE = 2", "SHARE = 3")
    assert explain(before, taken(steps)) == [
        f"The constant far.SHARE changed ({steps.folder}/far.py, line 2)."
    ]


def test_a_constant_that_is_a_fields_default_is_found_and_named(steps):
    for name in ("uses_data", "uses_an_enum"):
        before = taken(steps, name)
        steps.edit("near", "FACTOR = ", "FACTOR = 1 + ")
        assert explain(before, taken(steps, name)) == [
            f"The constant near.FACTOR changed ({steps.folder}/near.py, line 11)."
        ]


def test_a_changed_method_of_an_instance_is_found_with_its_class_and_line(steps):
    before = taken(steps, "uses_an_instance")
    steps.edit("near", "return half(4)", "return half(5)")
    [told] = explain(before, taken(steps, "uses_an_instance"))
    assert told.startswith("The class near.Base changed")
    assert told.endswith("near.py, line 72).")


def test_a_closures_value_and_a_default_count(steps):
    for name, old, new in (
        ("times_three", "maker(3)", "maker(4)"),
        ("load", "most=LIMIT", "most=LIMIT + 1"),
        ("part", "y=2", "y=3"),
        ("method", "return near.double(x)\n\nmethod", "return near.double(x) + 1\n\nmethod"),
    ):
        before = taken(steps, name)
        steps.edit("steps", old, new)
        assert taken(steps, name).digest != before.digest, name


def test_another_function_under_the_same_name_counts(steps):
    before = taken(steps, "uses_a_module")
    steps.edit("near", "return tidy(x) * FACTOR", "return other(x) * FACTOR")
    steps.edit("near", "from far import half", "from far import half, unused as other")
    told = explain(before, taken(steps, "uses_a_module"))
    assert any("far.unused is reached now" in each for each in told)
    assert any("near.tidy is not reached any more" in each for each in told)


def test_libraries_count_by_name_only(steps):
    assert {name.partition(".")[0] for name in taken(steps).parts} == {"steps", "near", "far"}


def test_functions_that_call_each_other_have_a_fingerprint(project):
    source = """
        def even(n):
            return n == 0 or odd(n - 1)
        def odd(n):
            return n != 0 and even(n - 1)
    """
    project.write(twins=source)
    before = fingerprint(project.load("twins").even)
    assert set(before.parts) == {"twins.even", "twins.odd"}
    project.edit("twins", "n != 0", "n > 0")
    assert fingerprint(project.load("twins").even).digest != before.digest


def test_lambdas_in_one_line_are_told_apart(project):
    project.write(pair="first, second = (lambda x: x + 1), (lambda x: x + 2)\n")
    pair = project.load("pair")
    assert fingerprint(pair.first).digest != fingerprint(pair.second).digest


def test_a_file_that_was_edited_after_it_was_loaded_does_not_speak_for_the_loaded_code(steps):
    loaded = steps.load("steps").load
    before = fingerprint(steps.load("steps").load).digest
    steps.edit("steps", "rows[:LIMIT]", "rows[1:LIMIT]")
    stale = fingerprint(loaded).digest
    assert stale != fingerprint(steps.load("steps").load).digest
    assert stale != before  # by its bytecode: a miss, never the result of other code


def test_a_helper_that_is_defined_again_in_this_process_counts_at_once():
    space = {"__name__": "__main__"}
    exec("def clean(x): return x\ndef load(x): return clean(x)", space)
    before = fingerprint(space["load"])
    assert fingerprint(space["load"]) is before
    exec("def clean(x): return x + 1", space)
    after = fingerprint(space["load"])
    assert after.digest != before.digest
    exec("def clean(x): return x", space)
    assert fingerprint(space["load"]).digest == before.digest


def test_a_function_without_a_source_counts_by_its_bytecode_and_its_helpers():
    def made(body):
        space = {"__name__": "nowhere"}
        exec(f"N = {{1, 'a', 2}}\ndef clean(x): return {body}\ndef load(x): return clean(x)", space)
        return fingerprint(space["load"])

    assert made("x + 1").digest == made("x + 1").digest != made("x + 2").digest
    [told] = explain(made("x + 1"), made("x + 2"))
    assert told.startswith("The function nowhere.clean changed")


def test_a_cell_of_a_notebook_counts_by_its_syntax_tree(monkeypatch):
    def cell(number, text):
        name = f"<ipython-input-{number}>"
        monkeypatch.setitem(linecache.cache, name, (len(text), None, [text], name))
        space = {"__name__": "__main__"}
        exec(compile(text, name, "exec"), space)
        return fingerprint(space["load"]).digest

    first = cell(1, "def load(x): return x + 1\n")
    assert first == cell(2, "def load( x ): return (x+1)  # more\n") != cell(3, "load = len")


def test_code_that_is_put_into_a_function_counts():
    def one(x):
        return x + 1

    def other(x):
        return x + 2

    before = fingerprint(one).digest
    one.__code__ = other.__code__
    assert fingerprint(one).digest != before


@pytest.mark.parametrize("value", [len, json.dumps, str, print])
def test_what_is_of_python_has_a_fingerprint_without_parts(value):
    assert fingerprint(value).parts == {}


def test_objects_that_are_no_data_count_by_their_class(project):
    source = """
        import threading, logging
        lock = threading.Lock()
        log = logging.getLogger("x")
        def load(x):
            with lock:
                log.info(x)
    """
    project.write(guarded=source)
    assert fingerprint(project.load("guarded").load).digest == (
        fingerprint(project.load("guarded").load).digest
    )


def test_a_fingerprint_is_small_and_comes_back_from_json(steps):
    whole = taken(steps)
    text = msgspec.json.encode(whole)
    assert len(text) < 250 * len(whole.parts)
    assert msgspec.json.decode(text, type=Fingerprint) == whole


def test_who_asks_while_another_thread_compiles_gets_the_whole_answer(monkeypatch):
    module = sources.Module(ast.parse("def load(x):\n    return x\n"))
    [node] = module.places["load"]
    told = []

    def compiling(*args, **options):
        monkeypatch.setattr(sources, "compile", compile, raising=False)
        told.append(module.codes(node, 0))
        return compile(*args, **options)

    monkeypatch.setattr(sources, "compile", compiling, raising=False)
    told.append(module.codes(node, 0))
    assert [[code.co_name for code in codes] for codes in told] == [["load"], ["load"]]
