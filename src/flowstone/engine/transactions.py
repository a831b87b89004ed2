"""The end of transactions: what commits and what rolls back, in which order, and what is told."""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

from flowstone.core.facts import TransactionEnded, TransactionNoted
from flowstone.core.naming import entry_module, hook_name
from flowstone.core.outcome import Err
from flowstone.core.plain import clean_text
from flowstone.core.runs import TaskRun
from flowstone.core.states import COMPLETED
from flowstone.core.transactions import BaseTransaction, Hook, TransactionState, Verdict
from flowstone.engine.ops import Env, Ops
from flowstone.results.json_serializer import JSONSerializer

ROLLED_BACK = "RolledBack"
"""The name of the Completed state in which a run is whose work was undone."""
LONGEST_VALUE = 1 << 20
"""Bytes of JSON up to which a value is recorded."""


async def close(transaction: BaseTransaction, ops: Ops, env: Env, *, failed: bool) -> None:
    """Do what is to be done where the code of a transaction ends."""
    verdict = transaction.verdict(failed=failed)
    if verdict is None:
        transaction.over()
    elif verdict is Verdict.COMMIT:
        await commit(transaction, ops, env)
    elif verdict is Verdict.ROLL_BACK:
        await rollback(transaction, ops, env)
    else:
        # What ends after the transaction around it comes to the same end.
        ending = transaction.join()
        if ending is TransactionState.COMMITTED:
            await commit(transaction, ops, env)
        elif ending is TransactionState.ROLLED_BACK:
            await rollback(transaction, ops, env)


async def commit(transaction: BaseTransaction, ops: Ops, env: Env) -> bool:
    """Commit those inside, run the commit hooks, keep the value; return whether all went well.

    Where something raises, this transaction is rolled back.
    """
    if not transaction.claim(TransactionState.COMMITTED):
        return False
    for child in transaction.children:
        await commit(child, ops, env)
    for hook in transaction.on_commit_hooks:
        if not await _run(hook, "commit", transaction, ops):
            transaction.logger.error("The %s is rolled back", transaction.title)
            await _undo(transaction, ops, env)
            return False
    if transaction.save is not None:
        try:
            await transaction.save(ops)
        except Exception as error:  # noqa: BLE001  whatever a serializer or a storage raises
            message = "The value of %s could not be kept, and it is rolled back: %s"
            transaction.logger.warning(message, transaction.title, error)
            await _undo(transaction, ops, env)
            return False
    _end(transaction, TransactionState.COMMITTED, env)
    return True


async def rollback(transaction: BaseTransaction, ops: Ops, env: Env) -> bool:
    """Undo a transaction, those inside, and those around it; False where it is over already."""
    if not transaction.claim(TransactionState.ROLLED_BACK):
        return False
    await _undo(transaction, ops, env)
    return True


async def _undo(transaction: BaseTransaction, ops: Ops, env: Env) -> None:
    transaction.ending = TransactionState.ROLLED_BACK
    for hook in reversed(transaction.on_rollback_hooks):
        await _run(hook, "rollback", transaction, ops)
    for child in reversed(transaction.children.copy()):
        await rollback(child, ops, env)
    run = transaction.run
    if isinstance(run, TaskRun) and run.state_number == COMPLETED:
        env.log.append(run.enter(COMPLETED, env.now(), ROLLED_BACK))
    _end(transaction, TransactionState.ROLLED_BACK, env)
    if transaction.parent is not None:
        await rollback(transaction.parent, ops, env)


def _end(transaction: BaseTransaction, state: TransactionState, env: Env) -> None:
    transaction.state = state
    if transaction.is_noted:
        is_committed = state is TransactionState.COMMITTED
        env.log.append(TransactionEnded(transaction.identity, is_committed, env.now()))
    transaction.over()


async def _run(hook: Hook, kind: str, transaction: BaseTransaction, ops: Ops) -> bool:
    """Run a hook; return whether it ended well. An error is told, and never raised."""
    logger, name = transaction.logger, hook_name(hook)
    logger.info("Running %s hook %r", kind, name)
    outcome = await ops.call(hook, (transaction,), {})
    if isinstance(outcome, Err):
        message = "An error was encountered while running %s hook %r"
        logger.error(message, kind, name, exc_info=outcome.error)
        return False
    logger.info("%s hook %r finished running successfully", kind.capitalize(), name)
    return True


def note(transaction: BaseTransaction, env: Env) -> None:
    """Record what it takes to undo a transaction in another process, should this one die."""
    parent = transaction.parent
    if parent is not None and not parent.is_noted and parent.ending is None:
        note(parent, env)
    transaction.is_noted = True
    kept: list[tuple[str, str]] = []
    lost: list[str] = []
    for name, value in transaction.values.items():
        text = _written(value)
        if text is None:
            lost.append(clean_text(name))
        else:
            kept.append((clean_text(name), text))
    run = transaction.run
    env.log.append(
        TransactionNoted(
            transaction.identity,
            env.now(),
            parent.identity if parent is not None else None,
            transaction.flow_run_key,
            run.key if isinstance(run, TaskRun) else None,
            clean_text(transaction.title),
            tuple(place_of(hook) for hook in transaction.on_rollback_hooks),
            tuple(kept),
            tuple(lost),
        )
    )


def place_of(hook: Any) -> tuple[str, str | None, str | None]:
    """Return the name of a hook, its entry point (`module:name`) and the folder to import it from.

    There is no entry point where another process cannot import it: a lambda, a function within
    a function, a partial, the method of an object.
    """
    name, qualified = hook_name(hook), getattr(hook, "__qualname__", None)
    owner = getattr(hook, "__self__", None)
    if qualified is None or "<" in qualified or not (owner is None or isinstance(owner, type)):
        return clean_text(name), None, None
    return clean_text(name), clean_text(f"{entry_module(hook)}:{qualified}"), _folder_of(hook)


def _folder_of(hook: Any) -> str | None:
    """Return the folder in which the import of a hook's module begins."""
    module = sys.modules.get(getattr(hook, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    if file is None:
        return None
    folder, name = os.path.split(os.path.abspath(file))
    for _ in range(entry_module(hook).count(".") + (name == "__init__.py")):
        folder = os.path.dirname(folder)
    return clean_text(folder)


@functools.cache
def _json() -> JSONSerializer:
    return JSONSerializer()


def _written(value: Any) -> str | None:
    """Return a value as JSON, None where the value is not the same when it is read again."""
    try:
        blob = _json().dumps(value)
        is_same: Any = len(blob) <= LONGEST_VALUE and _json().loads(blob) == value
    except Exception:  # noqa: BLE001  a value of the user's, which any error may come of
        return None
    return blob.decode() if is_same is True else None


def read_value(text: str) -> Any:
    """Return a value that was recorded. Raises whatever its classes raise."""
    return _json().loads(text.encode())
