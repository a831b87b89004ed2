"""What a call came to, as a value: `Ok` with what it returned or `Err` with what it raised."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec


class Ok(msgspec.Struct, frozen=True):
    """The call returned `value`."""

    value: Any

    def unwrap(self) -> Any:
        """Return the value."""
        return self.value


class Err(msgspec.Struct, frozen=True):
    """The call raised `error`; `traceback` is where, as it stood when the error was caught."""

    error: BaseException
    traceback: Any = None

    def unwrap(self) -> NoReturn:
        """Raise the error, the very object, with the traceback that it was caught with.

        A second `unwrap` starts from the same traceback again, so it never grows; the frame lets go
        of its references, so an error that nobody keeps is freed without a garbage collection.
        """
        __tracebackhide__ = True
        try:
            raise self.error.with_traceback(self.traceback)
        finally:
            del self


Outcome = Ok | Err
OUTCOMES = (Ok, Err)
