from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import flowstone
from flowstone import flow, task
from flowstone.exceptions import NotInFlowstoneError
from flowstone.face import old_names

RENAMED = [
    (module, *names) for module, table in old_names.RENAMED.items() for names in table.items()
]
ABSENT = [(module, name) for module, table in old_names.ABSENT.items() for name in table]


@pytest.mark.parametrize(("module", "old", "ours"), RENAMED)
def test_an_old_name_is_ours(module, old, ours):
    found = importlib.import_module(module)
    assert getattr(found, old) is getattr(found, ours)
    assert old not in dir(found)


@pytest.mark.parametrize(("module", "name"), ABSENT)
def test_what_is_absent_can_be_imported_and_says_so_when_called(module, name):
    head, _, last = module.rpartition(".")
    owner = importlib.import_module(module) if last[:1].islower() else None
    found = getattr(owner or getattr(importlib.import_module(head), last), name)
    with pytest.raises(
        NotInFlowstoneError, match=rf"^{module}\.{name} is not in Flowstone\. .*\.$"
    ):
        found("anything", at="all")


def test_tasks_and_flows_say_so_too():
    with pytest.raises(NotInFlowstoneError, match=r"Flow\.serve is not in Flowstone"):
        flow(lambda: None).serve(cron="* * * * *")
    with pytest.raises(NotInFlowstoneError, match=r"Flow\.from_source is not in Flowstone"):
        flow.from_source("https://example.org/x", entrypoint="a.py:b")
    with pytest.raises(NotInFlowstoneError, match=r"Task\.delay is not in Flowstone"):
        task(len).delay([1])


@pytest.mark.parametrize("module", [*old_names.WHOLLY_ABSENT, "flowstone.blocks.system"])
def test_any_name_of_a_module_that_is_absent_can_be_imported(module):
    found = importlib.import_module(module).AnyName
    assert repr(found) == f"<{module}.AnyName, which is not in Flowstone>"
    with pytest.raises(NotInFlowstoneError, match=rf"{module}\.AnyName\.load is not in Flowstone"):
        found.load("x")
    with pytest.raises(NotInFlowstoneError, match=rf"{module}\.AnyName is not in Flowstone"):

        class Mine(found):
            pass


def test_it_is_a_not_implemented_error():
    assert issubclass(NotInFlowstoneError, NotImplementedError)


@pytest.mark.parametrize(
    "module", ["flowstone", "flowstone.exceptions", "flowstone.futures", "flowstone.task_runners"]
)
def test_a_name_that_nobody_knows_is_an_attribute_error(module):
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'no_such_name'"):
        _ = importlib.import_module(module).no_such_name


def test_modules_are_attributes_of_the_package():
    assert flowstone.context.tags is flowstone.tags
    assert flowstone.runtime.flow_run.id is None
    assert flowstone.utilities.annotations.unmapped is flowstone.unmapped


def test_every_public_name_is_there_and_the_list_is_of_them():
    assert all(getattr(flowstone, name) is not None for name in flowstone.__all__)
    assert set(flowstone.__all__) == set(flowstone._WHERE)


def test_programs_that_use_no_old_name_do_not_load_the_table():
    program = (
        "import sys; from flowstone import flow, task; from flowstone.exceptions import FailedRun; "
        "from flowstone.futures import wait; print('flowstone.face.old_names' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "False\n"
