from __future__ import annotations

import logging

import pytest

from flowstone.core.transactions import (
    BaseTransaction,
    CommitMode,
    IsolationLevel,
    TransactionState,
    Verdict,
    check_isolation,
)
from flowstone.exceptions import ConfigurationError


def entered(parent: BaseTransaction | None = None, **options: object) -> BaseTransaction:
    new = BaseTransaction(bytes(16), logging.getLogger("test"), **options)
    new.enter(parent)
    return new


@pytest.mark.parametrize(
    ("mode", "inside", "failed", "verdict"),
    [
        ("LAZY", False, False, Verdict.COMMIT),
        ("LAZY", True, False, Verdict.JOIN),
        ("EAGER", False, False, Verdict.COMMIT),
        ("EAGER", True, False, Verdict.COMMIT),
        ("OFF", False, False, Verdict.ROLL_BACK),
        ("OFF", True, False, Verdict.JOIN),
        ("LAZY", False, True, Verdict.ROLL_BACK),
        ("EAGER", True, True, Verdict.ROLL_BACK),
        ("OFF", True, True, Verdict.ROLL_BACK),
    ],
)
def test_what_its_end_comes_to_is_decided_by_mode_place_and_failure(mode, inside, failed, verdict):
    around = entered() if inside else None
    assert entered(around, commit_mode=mode).verdict(failed=failed) is verdict


def test_one_that_is_over_needs_no_end():
    one = entered()
    one.claim(TransactionState.ROLLED_BACK)
    assert one.verdict(failed=False) is None
    assert one.verdict(failed=True) is None


def test_modes_come_from_the_one_around_it_and_are_lazy_and_read_committed_else():
    plain = entered()
    assert (plain.commit_mode, plain.isolation_level) == ("LAZY", "READ_COMMITTED")
    outer = entered(commit_mode=CommitMode.OFF, isolation_level=IsolationLevel.SERIALIZABLE)
    inner = entered(entered(outer))
    assert (inner.commit_mode, inner.isolation_level) == ("OFF", "SERIALIZABLE")
    assert entered(outer, commit_mode="EAGER").commit_mode is CommitMode.EAGER


def test_a_mode_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="SOON"):
        entered(commit_mode="SOON")


def test_only_one_caller_ends_a_transaction():
    one = entered()
    assert one.claim(TransactionState.COMMITTED)
    assert not one.claim(TransactionState.ROLLED_BACK)
    assert one.ending is TransactionState.COMMITTED


def test_who_joins_one_that_ends_already_is_told_how():
    outer = entered()
    assert entered(outer).join() is None
    outer.claim(TransactionState.ROLLED_BACK)
    late = entered(outer)
    assert late.join() is TransactionState.ROLLED_BACK
    assert outer.children[-1] is late


def test_values_are_found_outwards_and_handed_out_as_copies():
    outer = entered()
    inner = entered(outer)
    outer.set("paths", ["a"])
    inner.get("paths").append("b")
    assert outer.get("paths") == ["a"]
    inner.set("paths", "mine")
    assert inner.get("paths") == "mine"
    assert outer.get("paths") == ["a"]


def test_a_value_that_was_never_set_is_a_value_error_unless_there_is_a_default():
    with pytest.raises(ValueError, match="Could not retrieve value for unknown key: 'nothing'"):
        entered().get("nothing")
    assert entered().get("nothing", None) is None


def test_staging_takes_a_value_and_adds_hooks_until_it_is_over():
    one = entered()
    one.stage(1, on_rollback_hooks=[print], on_commit_hooks=[len])
    one.stage(2, on_rollback_hooks=[repr])
    assert (one.staged_value, one.on_rollback_hooks, one.on_commit_hooks) == (
        2,
        [print, repr],
        [len],
    )
    assert one.is_staged()
    one.claim(TransactionState.COMMITTED)
    one.stage(3)
    assert one.staged_value == 2


def test_who_waits_for_its_end_is_called_once_also_when_it_comes_late():
    calls = []
    one = entered()
    one.when_over(lambda: calls.append("early"))
    assert calls == []
    one.state = TransactionState.COMMITTED
    one.over()
    one.over()
    one.when_over(lambda: calls.append("late"))
    assert calls == ["early", "late"]


def test_each_state_has_its_question():
    one = BaseTransaction(bytes(16), None)
    questions = {
        "PENDING": one.is_pending,
        "ACTIVE": one.is_active,
        "STAGED": one.is_staged,
        "COMMITTED": one.is_committed,
        "ROLLED_BACK": one.is_rolled_back,
    }
    assert one.is_pending()
    for state in TransactionState:
        one.state = state
        assert [name for name, ask in questions.items() if ask()] == [state.name]


def test_serializable_without_a_lock_manager_says_how_to_get_one():
    assert not check_isolation(IsolationLevel.READ_COMMITTED, is_lockable=False)
    assert check_isolation(IsolationLevel.SERIALIZABLE, is_lockable=True)
    with pytest.raises(ConfigurationError, match="not supported by provided configuration"):
        check_isolation(IsolationLevel.SERIALIZABLE, is_lockable=False)
