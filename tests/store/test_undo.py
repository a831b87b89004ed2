"""What the store keeps of transactions: the last word on each, gone with its run."""

from __future__ import annotations

import pytest

from flowstone import flow, task
from flowstone.store.queries import open_store
from flowstone.transactions import get_transaction, transaction
from flowstone.wiring.process import PROCESS
from tests.face.conftest import home

__all__ = ["home"]


@task
def work() -> None:
    own = get_transaction()
    assert own is not None
    own.set("n", 1)
    own.set("odd", object())


@work.on_rollback
def undo(_transaction):
    pass


@flow
def inner():
    work()


@flow
def outer(error=None):
    with transaction() as around:
        around.set("who", "ann")
        inner()
        around.set("who", "bob")
        if error is not None:
            raise error


def rows_of(home):
    PROCESS.log.flush()
    with open_store(home) as store:
        [run] = [row for row in store.flow_runs() if row.flow_name == "outer"]
        return run.id, store.transactions(run.id)


@pytest.mark.parametrize("error", [None, KeyError("x")])
def test_it_knows_how_each_ended_with_its_hooks_and_last_values(home, error):
    outer(error, return_state=True)
    _, rows = rows_of(home)
    around, its = sorted(rows, key=lambda row: len(row.hooks))
    assert its.parent == around.id
    assert [name for name, _, _ in its.hooks] == ["undo"]
    assert its.hooks[0][1] == "tests.store.test_undo:undo"
    assert (its.values, its.lost) == ({"n": "1"}, ["odd"])
    assert around.values == {"who": '"bob"'}
    assert {row.is_committed for row in rows} == {error is None}
    assert None not in {row.ended for row in rows}


def test_it_goes_with_its_flow_run(home):
    outer()
    run, rows = rows_of(home)
    assert len(rows) == 2
    with open_store(home) as store:
        store.delete_flow_run(run)
    with open_store(home) as store:
        assert store.transactions(run) == []
