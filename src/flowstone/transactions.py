"""Transactions: `with transaction():` around work that takes effect as a whole, or is undone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from flowstone.core.context import RunContext, current, transaction_around
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.runs import TaskRun
from flowstone.core.stopping import Interrupted
from flowstone.core.transactions import (
    BaseTransaction,
    CommitMode,
    Hook,
    IsolationLevel,
    TransactionState,
    check_isolation,
)
from flowstone.drive.awaiting import Awaiting
from flowstone.drive.blocking import BLOCKING
from flowstone.drive.run_logger import log_for
from flowstone.drive.seats import HERE
from flowstone.engine.transactions import close, commit, note, rollback
from flowstone.face.result_store import ResultRecord, ResultStore
from flowstone.wiring.here import engine_here, runs_here

if TYPE_CHECKING:
    from flowstone.core.declared import DeclaredTask
    from flowstone.drive.run_logger import RunLogger
    from flowstone.engine.ops import Env, Ops

    Logger = logging.Logger | logging.LoggerAdapter[Any]

T = TypeVar("T")
_logger = logging.getLogger("flowstone.transactions")


class _Recorded(BaseTransaction):
    """What sync and async transactions share with the log and with a store of results."""

    def __init__(
        self,
        key: str | None = None,
        store: ResultStore | None = None,
        commit_mode: CommitMode | str | None = None,
        isolation_level: IsolationLevel | str | None = None,
        *,
        overwrite: bool = False,
        write_on_commit: bool = True,
        logger: Logger | None = None,
    ) -> None:
        self._env: Env = engine_here().env
        super().__init__(
            self._env.new_id(self._env.now()),
            logger or _logger_here(),
            key=key,
            commit_mode=commit_mode,
            isolation_level=isolation_level,
        )
        self.overwrite = overwrite
        self.write_on_commit = write_on_commit
        self.store = ResultStore() if store is None and key is not None else store
        self._holder = ""
        self._is_closed = False
        self.flow_run_key = runs_here()[0]
        if key is not None and write_on_commit:
            self.save = self._write

    def set(self, name: str, value: Any) -> None:
        """Keep a value for the hooks and for the transactions inside."""
        super().set(name, value)
        if self.is_noted and self.ending is None:
            note(self, self._env)

    def stage(
        self,
        value: Any,
        on_rollback_hooks: list[Hook] | None = None,
        on_commit_hooks: list[Hook] | None = None,
    ) -> None:
        """Take a value and hooks for the end; nothing changes once it is over.

        Hooks of a second call are added to those of the first. What the rollback hooks are is
        recorded, so that `flowstone flow-run rollback` can run them should this process die.
        """
        super().stage(value, on_rollback_hooks, on_commit_hooks)
        if self.on_rollback_hooks and self.ending is None:
            note(self, self._env)

    def reset(self) -> None:
        """Let the code belong to the transaction around this one again."""
        if transaction_around.get() is self:
            transaction_around.set(self.parent)

    async def end_run(self, spec: DeclaredTask, outcome: Outcome, ops: Ops, env: Env) -> None:
        """End the transaction of a task run with what the run came to."""
        self.reset()
        if isinstance(outcome, Ok):
            self.stage(outcome.value, spec.on_rollback_hooks, spec.on_commit_hooks)
        self._is_closed = True
        await close(self, self._verbs(ops), env, failed=isinstance(outcome, Err))

    def _verbs(self, ops: Ops) -> Ops:
        """Return the verbs with which the transaction of a task run ends."""
        return ops

    def leave(self) -> None:
        """Roll back at once where a task run is interrupted by what is not its own error."""
        self.reset()
        if not self._is_closed:
            _told(rollback(self, BLOCKING, self._env))

    def _enter(self) -> None:
        if not self.is_pending():
            raise RuntimeError(
                f"This {self.title} was entered already: it is {self.state.value}. Make another "
                "one with `transaction()`; it may lie within this one."
            )
        self.enter(transaction_around.get())
        transaction_around.set(self)

    def _find(self, *, is_there: bool) -> None:
        """Be committed where the record is there."""
        if is_there and self.claim(TransactionState.COMMITTED):
            self.state = TransactionState.COMMITTED

    def _is_locking(self) -> bool:
        """Whether a lock is to be taken first. Raises `ConfigurationError` where there is none."""
        store = self.store
        if store is None or self.key is None:
            return False
        self._holder = store.generate_default_holder()
        return check_isolation(self.isolation_level, is_lockable=store.lock_manager is not None)

    def _unlock(self) -> None:
        store, key = self.store, self.key
        assert store is not None
        assert key is not None
        # A transaction inside with the same key may have freed it.
        if store.is_lock_holder(key, self._holder):
            store.release_lock(key, self._holder)

    async def _write(self, ops: Ops) -> None:
        assert self.store is not None
        write = self.store.write
        args = (self.staged_value, self.key, None, self._holder)
        (await ops.call(write, args, {})).unwrap()


class Transaction(_Recorded):
    """A transaction of sync code, also called `transaction`: `with` enters and ends it.

    What was done inside takes effect when the outermost transaction commits, and is undone where
    anything in it fails: by the rollback hooks, the last one first. Hooks may be sync or async.

    - `key`: where the staged value is written at the commit; where nothing was staged, None. If a
      record is there already the transaction is COMMITTED from its beginning, unless `overwrite`;
      the code asks `is_committed()`. `write_on_commit=False` writes nothing.
    - `store`: the `ResultStore` for it; default: one in the default storage.
    - `commit_mode`: LAZY (default) takes effect with the outermost transaction, EAGER at its own
      end, OFF by `commit()` alone. `isolation_level`: SERIALIZABLE holds the key's lock. Both are
      taken from the transaction around it where they are not given.
    - `logger`: where its hooks are told of; default: the run's.
    """

    def __enter__(self) -> Self:
        self._enter()
        try:
            self.begin()
        except BaseException:
            self.reset()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.reset()
        _told(close(self, BLOCKING, self._env, failed=kind is not None))

    def begin(self) -> None:
        """Take the lock where one is asked for; be COMMITTED where the record is there already.

        Raises `ConfigurationError` for SERIALIZABLE without a lock manager.
        """
        if self._is_locking():
            assert self.store is not None
            assert self.key is not None
            self.store.acquire_lock(self.key, self._holder)
            self.when_over(self._unlock)
        try:
            if self.store is not None and self.key is not None and not self.overwrite:
                self._find(is_there=self.store.exists(self.key))
        except BaseException:
            self.over()
            raise

    def commit(self) -> bool:
        """Let it take effect now; False where it is over, or something failed and it is undone."""
        return bool(_told(commit(self, BLOCKING, self._env)))

    def rollback(self) -> bool:
        """Undo it now, and what is around it; False where it is over already."""
        return bool(_told(rollback(self, BLOCKING, self._env)))

    def read(self) -> ResultRecord | None:
        """Return the record under the key, None without a key.

        Raises `ResultNotFound` where there is none.
        """
        if self.store is None or self.key is None:
            return None
        return self.store.read(self.key, self._holder)


class AsyncTransaction(_Recorded):
    """A transaction of async code, also called `atransaction`: `async with` enters and ends it.

    Options as of `Transaction`. Sync hooks run in a thread, so that they do not hold up the loop.
    """

    def __enter__(self) -> NoReturn:
        raise NotImplementedError(
            "AsyncTransaction does not support the `with` statement. Write `async with "
            "atransaction()`, or `with transaction()`."
        )

    def __exit__(self, *exc: object) -> None:  # `with` looks for it before it enters
        raise NotImplementedError

    def _verbs(self, ops: Ops) -> Ops:
        return IN_THREADS if isinstance(ops, Awaiting) else ops

    async def __aenter__(self) -> Self:
        self._enter()
        try:
            await self.begin()
        except BaseException:
            self.reset()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.reset()
        await close(self, IN_THREADS, self._env, failed=kind is not None)

    async def begin(self) -> None:
        """Take the lock where one is asked for; be COMMITTED where the record is there already.

        Raises `ConfigurationError` for SERIALIZABLE without a lock manager.
        """
        if self._is_locking():
            assert self.store is not None
            assert self.key is not None
            await self.store.aacquire_lock(self.key, self._holder)
            self.when_over(self._unlock)
        try:
            if self.store is not None and self.key is not None and not self.overwrite:
                self._find(is_there=await self.store.aexists(self.key))
        except BaseException:
            self.over()
            raise

    async def commit(self) -> bool:
        """Let it take effect now; False where it is over, or something failed and it is undone."""
        return await commit(self, IN_THREADS, self._env)

    async def rollback(self) -> bool:
        """Undo it now, and what is around it; False where it is over already."""
        return await rollback(self, IN_THREADS, self._env)

    async def read(self) -> ResultRecord | None:
        """Return the record under the key, None without a key.

        Raises `ResultNotFound` where there is none.
        """
        if self.store is None or self.key is None:
            return None
        return await self.store.aread(self.key, self._holder)


class _InThreads(Awaiting):
    """The verbs of async transactions: what is sync runs in a thread."""

    async def call(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Outcome:
        """Call user code in a thread, and await here what it returns, if that can be awaited."""
        import asyncio

        outcome = await asyncio.to_thread(_called, fn, args, kwargs)
        if isinstance(outcome, Ok) and hasattr(type(outcome.value), "__await__"):
            return await super().call(_same, (outcome.value,), {})
        return outcome


IN_THREADS = _InThreads()


transaction = Transaction
atransaction = AsyncTransaction


def get_transaction() -> Transaction | AsyncTransaction | None:
    """Return the transaction that the code is in: a task run's own in a task. None outside."""
    open_one = transaction_around.get()
    if open_one is None:
        context = current.get()
        if context is not None and isinstance(context.run, TaskRun) and not context.run.is_over:
            open_one = context.transaction or begin_for(context)
    assert open_one is None or isinstance(open_one, Transaction | AsyncTransaction)
    return open_one


def begin_for(context: RunContext) -> BaseTransaction:
    """Begin the transaction of a task run, and of the task runs around it that have none.

    What a task with hooks did is so undone where the task that called it fails.
    """
    around, outer = transaction_around.get(), context.outer
    if around is None and outer is not None and isinstance(outer.run, TaskRun):
        around = outer.transaction or (None if outer.run.is_over else begin_for(outer))
    kind = AsyncTransaction if context.spec.isasync else Transaction
    new = kind(logger=log_for(context))
    new.run = context.run
    new.enter(around)
    # Runs that were submitted side by side may begin that of the one around them at once.
    begun: BaseTransaction = context.__dict__.setdefault("transaction", new)
    transaction_around.set(begun)
    return begun


def _told(story: Coroutine[Any, Any, T]) -> T:
    """Run a story to its end in this thread, out of reach for what interrupts the code around it.

    What was sent just before is asked again a second later.
    """
    seat = HERE.seat
    scope, seat.scope = seat.scope, None
    try:
        if seat.sent:
            with suppress(Interrupted):
                seat.settle()
        try:
            story.send(None)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            story.close()
    finally:
        seat.scope = scope
    message = f"{story!r} suspended in synchronous code"
    raise RuntimeError(message)


def _logger_here() -> logging.Logger | RunLogger:
    context = current.get()
    return _logger if context is None else log_for(context)


def _called(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Outcome:
    try:
        return Ok(fn(*args, **kwargs))
    except Exception as error:  # noqa: BLE001  as a value, like every error of user code
        return Err(error, error.__traceback__ and error.__traceback__.tb_next)


def _same(value: Any) -> Any:
    return value


__all__ = [
    "AsyncTransaction",
    "BaseTransaction",
    "CommitMode",
    "IsolationLevel",
    "Transaction",
    "TransactionState",
    "atransaction",
    "get_transaction",
    "transaction",
]
