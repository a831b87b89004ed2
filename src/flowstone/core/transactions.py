"""Transactions: work that takes effect as a whole, or is undone.

| from        | to                                                                            |
|-------------|-------------------------------------------------------------------------------|
| PENDING     | ACTIVE when it is entered, COMMITTED where its record is there already        |
| ACTIVE      | STAGED with a value and hooks, COMMITTED, ROLLED_BACK                         |
| STAGED      | COMMITTED, ROLLED_BACK; its hooks see it as STAGED while they run             |

What is entered within another transaction leaves its end to that one, unless it is EAGER. Threads
share transactions without a lock: one call decides who ends one (`claim`), and who joins another
looks afterwards whether that has ended.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from flowstone.core.context import transaction_around as around
from flowstone.exceptions import ConfigurationError

if TYPE_CHECKING:
    from flowstone.core.runs import Run

Hook = Callable[[Any], Any]
_MISSING: Any = object()


class CommitMode(StrEnum):
    """When a transaction takes effect.

    EAGER at its own end, LAZY (the default) with the outermost one, OFF only by `commit()`.
    """

    EAGER = "EAGER"
    LAZY = "LAZY"
    OFF = "OFF"


class IsolationLevel(StrEnum):
    """What others see: SERIALIZABLE holds a lock on the key for the transaction's life."""

    READ_COMMITTED = "READ_COMMITTED"
    SERIALIZABLE = "SERIALIZABLE"


class TransactionState(StrEnum):
    """How far a transaction is."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    STAGED = "STAGED"
    COMMITTED = "COMMITTED"
    ROLLED_BACK = "ROLLED_BACK"


class Verdict(StrEnum):
    """What is to be done where the code of a transaction ends."""

    COMMIT = "commit"
    ROLL_BACK = "roll back"
    JOIN = "leave it to the one around it"


class BaseTransaction:
    """What sync and async transactions share: all that waits for nothing.

    `children` are those that leave their end to this one. `run` is the task run that it belongs
    to, `flow_run_key` the id of the flow run, if it does. `ending` is what it came to, or is coming
    to just now. `is_noted` tells that the log knows how to undo it. `save` keeps the staged value,
    with the verbs that it is given.
    """

    def __init__(
        self,
        identity: bytes,
        logger: Any,
        *,
        key: str | None = None,
        commit_mode: CommitMode | str | None = None,
        isolation_level: IsolationLevel | str | None = None,
    ) -> None:
        self.identity = identity
        self.logger = logger
        self.key = key
        self.commit_mode = None if commit_mode is None else CommitMode(commit_mode)
        self.isolation_level = None if isolation_level is None else IsolationLevel(isolation_level)
        self.state = TransactionState.PENDING
        self.parent: BaseTransaction | None = None
        self.children: list[BaseTransaction] = []
        self.on_commit_hooks: list[Hook] = []
        self.on_rollback_hooks: list[Hook] = []
        self.staged_value: Any = None
        self.values: dict[str, Any] = {}
        self.run: Run | None = None
        self.flow_run_key: bytes | None = None
        self.save: Callable[[Any], Awaitable[None]] | None = None
        self.ending: TransactionState | None = None
        self.is_noted = False
        self._unclaimed = [None]
        self._calls: list[Callable[[], None]] = []

    @property
    def title(self) -> str:
        """What messages call it."""
        if self.key is not None:
            return f"transaction {self.key!r}"
        return "transaction" if self.run is None else f"transaction of {self.run.name!r}"

    @classmethod
    def get_active(cls) -> BaseTransaction | None:
        """Return the innermost transaction that is open around the code."""
        return around.get()

    def get_parent(self) -> BaseTransaction | None:
        """Return the transaction that was open around this one when it was entered."""
        return self.parent

    def is_pending(self) -> bool:
        """Whether it has not been entered."""
        return self.state is TransactionState.PENDING

    def is_active(self) -> bool:
        """Whether it was entered, and nothing is staged."""
        return self.state is TransactionState.ACTIVE

    def is_staged(self) -> bool:
        """Whether a value is staged, and takes effect when it commits."""
        return self.state is TransactionState.STAGED

    def is_committed(self) -> bool:
        """Whether it took effect, now or when its record was written before."""
        return self.state is TransactionState.COMMITTED

    def is_rolled_back(self) -> bool:
        """Whether it was undone."""
        return self.state is TransactionState.ROLLED_BACK

    def set(self, name: str, value: Any) -> None:
        """Keep a value for the hooks and for the transactions inside."""
        self.values[name] = value

    def get(self, name: str, default: Any = _MISSING) -> Any:
        """Return a copy of a value that was set here or in a transaction around this one.

        Raises `ValueError` where there is none and no default.
        """
        holder: BaseTransaction | None = self
        while holder is not None:
            if name in holder.values:
                return copy.deepcopy(holder.values[name])
            holder = holder.parent
        if default is not _MISSING:
            return default
        raise ValueError(
            f"Could not retrieve value for unknown key: {name!r}. Call `set({name!r}, ...)` first, "
            "or give a default."
        )

    def stage(
        self,
        value: Any,
        on_rollback_hooks: list[Hook] | None = None,
        on_commit_hooks: list[Hook] | None = None,
    ) -> None:
        """Take a value and hooks for the end; nothing changes once it is over.

        Hooks of a second call are added to those of the first.
        """
        if self.ending is None:
            self.staged_value = value
            self.on_rollback_hooks += on_rollback_hooks or ()
            self.on_commit_hooks += on_commit_hooks or ()
            self.state = TransactionState.STAGED

    def stage_result(self, save: Callable[[Any], Awaitable[None]]) -> None:
        """Let `save(ops)` keep the result of the run when the outermost transaction commits."""
        self.save = save

    def when_over(self, call: Callable[[], None]) -> None:
        """Call once it was committed or rolled back; now if it was."""
        self._calls.append(call)
        if self.is_committed() or self.is_rolled_back():
            self.over()

    def over(self) -> None:
        """Tell those who wait for its end."""
        while self._calls:
            try:
                call = self._calls.pop()
            except IndexError:  # another thread took it
                return
            call()

    def enter(self, parent: BaseTransaction | None) -> None:
        """Become active, with the modes of the transaction around it where it has none."""
        self.parent = parent
        if self.commit_mode is None:
            mode = None if parent is None else parent.commit_mode
            self.commit_mode = mode or CommitMode.LAZY
        if self.isolation_level is None:
            level = None if parent is None else parent.isolation_level
            self.isolation_level = level or IsolationLevel.READ_COMMITTED
        self.state = TransactionState.ACTIVE

    def claim(self, ending: TransactionState) -> bool:
        """Whether the caller is the one who ends it; nobody else is from now on."""
        try:
            self._unclaimed.pop()
        except IndexError:
            return False
        self.ending = ending
        return True

    def join(self) -> TransactionState | None:
        """Leave the end to the transaction around it; return what that is coming to already."""
        assert self.parent is not None
        self.parent.children.append(self)
        return self.parent.ending

    def verdict(self, *, failed: bool) -> Verdict | None:
        """Return what is to be done where its code ends; None where it is over already."""
        if self.ending is not None:
            return None
        if failed:
            return Verdict.ROLL_BACK
        if self.commit_mode is CommitMode.EAGER:
            return Verdict.COMMIT
        if self.parent is not None:
            return Verdict.JOIN
        return Verdict.ROLL_BACK if self.commit_mode is CommitMode.OFF else Verdict.COMMIT

    async def end_run(self, spec: Any, outcome: Any, ops: Any, env: Any) -> None:
        """End the transaction of a task run with what the run came to."""
        raise NotImplementedError

    def leave(self) -> None:
        """Roll back at once where a task run is interrupted by what is not its own error."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state.value}: {self.title}>"


def check_isolation(level: IsolationLevel | None, *, is_lockable: bool) -> bool:
    """Whether a transaction with a key takes its lock. Raises `ConfigurationError`."""
    if level is not IsolationLevel.SERIALIZABLE:
        return False
    if not is_lockable:
        raise ConfigurationError(
            "Isolation level SERIALIZABLE is not supported by provided configuration: the result "
            "store has no lock manager. Make it with ResultStore(lock_manager="
            "MemoryLockManager()) for one process, FileSystemLockManager(directory) for several."
        )
    return True
