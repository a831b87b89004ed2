"""Every error that Flowstone raises.

FlowstoneError
├── ParameterBindError (TypeError)      the arguments do not fit the function
├── ParameterTypeError (TypeError)      a flow's argument does not fit its annotation
├── ReservedArgumentError (TypeError)   a parameter has a name that the call itself uses
├── InvalidNameError (ValueError)       a flow's name has a character that it may not have
├── MissingContextError (RuntimeError)  asked for the current run where there is none
├── MappingLengthMismatch (ValueError)  the iterables of a `map` differ in length
├── MappingMissingIterable (ValueError) nothing to map over
├── MissingResult                       the run's value was not kept
│   └── ResultNotFound (ValueError)     nothing is kept under that key
├── UnreadableResult (RuntimeError)     what is kept under a key is no whole, readable result
├── SerializationError                  a value cannot be written down by its serializer
├── StorageError (OSError)              the storage of results did not do what was asked
│   └── OutsideStorage (ValueError)     ... because the key leads out of it
├── ConfigurationError                  what was asked for needs something that is not set up
├── UnfinishedRun (RuntimeError)        asked for the value of a run that has not ended
│   ├── PausedRun                       ... because it is paused
│   └── UpstreamTaskError               ... because a run whose result it takes failed
├── FailedRun                           a run failed and only its message is left
├── CrashedRun                          a run crashed and only its message is left
│   └── WorkerDied                      the worker process that ran a run's body ended
├── CancelledRun                        a run was cancelled
├── TaskRunTimeoutError (TimeoutError)  a task run exceeded its `timeout_seconds`
├── FlowRunTimeoutError (TimeoutError)  a flow run exceeded its `timeout_seconds`
├── ConcurrencySlotAcquisitionError     a limit can never give what was asked of it
├── AcquireConcurrencySlotTimeoutError (TimeoutError) ... or did not in the time it had
├── LimitExists (ValueError)            there is a limit of that name already
├── LimitNotFound (LookupError)         there is no limit of that name
├── ObjectNotFound (LookupError)        a client asked for what is not there
├── ObjectAlreadyExists (ValueError)    a client would make what is there already
├── ServerUnreachable (ConnectionError) the server of `api.url` does not answer
├── ServerRefused                       the server of `api.url` does not do what was asked
├── LoggingConfigError (ValueError)     a configuration of logging cannot be read, or is none
├── HashError (ValueError)              a value cannot be hashed, so it makes no cache key
├── IllegalMove (RuntimeError)          a run cannot go from this state to that one
├── VisualizationUnsupportedError (RuntimeError)  a call that cannot be drawn without running it
└── NotInFlowstoneError (NotImplementedError)  a name that Prefect has and Flowstone has not
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any


class FlowstoneError(Exception):
    """The root of Flowstone's own errors; errors of user code are never wrapped in it."""


class ParameterBindError(FlowstoneError, TypeError):
    """The arguments of a call do not fit the function's signature."""


class ParameterTypeError(FlowstoneError, TypeError):
    """An argument of a flow cannot be made to fit its annotation."""


class ReservedArgumentError(FlowstoneError, TypeError):
    """A task or flow has a parameter whose name the call itself uses; rename the parameter."""


class InvalidNameError(FlowstoneError, ValueError):
    """A name has a character that it may not have."""


class MissingContextError(FlowstoneError, RuntimeError):
    """There is no task run or flow run here to ask about."""


class MissingResult(FlowstoneError):
    """The run completed, but its value was not kept where this process can read it."""


class ResultNotFound(MissingResult, ValueError):
    """Nothing is kept under that key."""


class UnreadableResult(FlowstoneError, RuntimeError):
    """What is kept under a key is cut, damaged, foreign, or needs what is not here."""


class SerializationError(FlowstoneError):
    """A value cannot be written down by the serializer that it was given to."""


class StorageError(FlowstoneError, OSError):
    """The storage of results did not do what was asked; its own error is the cause."""


class OutsideStorage(StorageError, ValueError):
    """A key leads out of the storage that it was given to; it is not followed."""


class ConfigurationError(FlowstoneError):
    """What was asked for needs something that is not set up; the message says what."""


class UnfinishedRun(FlowstoneError, RuntimeError):
    """The run has not ended, so it has no value yet."""


class PausedRun(UnfinishedRun):
    """The run is paused; resume it to get its value."""


class UpstreamTaskError(UnfinishedRun):
    """A run whose result is needed did not complete; its own exception is the cause."""


class MappingLengthMismatch(FlowstoneError, ValueError):
    """The iterables given to `map` are not of one length; `unmapped` passes one whole."""


class MappingMissingIterable(FlowstoneError, ValueError):
    """No argument given to `map` can be iterated over; call the task instead."""


class FailedRun(FlowstoneError):
    """The run failed; its own exception is not at hand, only the message."""


class CrashedRun(FlowstoneError):
    """The run crashed: its process died, or it was interrupted from outside."""


class WorkerDied(CrashedRun):
    """The worker process that ran a task's function ended before the function did."""


class CancelledRun(FlowstoneError):
    """The run was cancelled."""


class TaskRunTimeoutError(FlowstoneError, TimeoutError):
    """A task run took longer than its `timeout_seconds`."""


class FlowRunTimeoutError(FlowstoneError, TimeoutError):
    """A flow run took longer than its `timeout_seconds`."""


class ConcurrencySlotAcquisitionError(FlowstoneError):
    """A limit cannot give what was asked of it, however long one waits."""


class AcquireConcurrencySlotTimeoutError(FlowstoneError, TimeoutError):
    """A limit did not give a slot within the time that the caller would wait."""


class LimitExists(FlowstoneError, ValueError):
    """There is a limit of that name already."""


class LimitNotFound(FlowstoneError, LookupError):
    """There is no limit of that name in this home."""


class ObjectNotFound(FlowstoneError, LookupError):
    """What a client asked for is not there, or not any more."""


class ObjectAlreadyExists(FlowstoneError, ValueError):
    """What a client would make is there already; read it, or change it."""


class ServerUnreachable(FlowstoneError, ConnectionError):
    """The server does not answer, or not now; look whether it runs, and try again."""


class ServerRefused(FlowstoneError):
    """The server does not do what was asked; `code` is its word for why, `status` that of HTTP."""

    def __init__(self, message: str, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class LoggingConfigError(FlowstoneError, ValueError):
    """A configuration of logging cannot be read, or is none; the message names its file."""


class HashError(FlowstoneError, ValueError):
    """A value cannot be hashed.

    `argument` is the name of the argument that it was given for, `path` leads from there to the
    offending part (`['pool'][0]`), `reason` says what that is.
    """

    def __init__(self, reason: str, path: str = "", argument: str = "") -> None:
        super().__init__(reason, path, argument)
        self.reason = reason
        self.path = path
        self.argument = argument

    def __str__(self) -> str:
        places = [f"argument {self.argument!r}"] if self.argument else []
        places += [f"at {self.path}"] if self.path else []
        return f"{', '.join(places)}: {self.reason}" if places else self.reason


class IllegalMove(FlowstoneError, RuntimeError):
    """A run was asked to enter a state that cannot follow the one it is in."""


class VisualizationUnsupportedError(FlowstoneError, RuntimeError):
    """A flow that is drawn calls a task in a way that cannot be drawn; draw a run of it instead."""


class NotInFlowstoneError(FlowstoneError, NotImplementedError):
    """What was called is in Prefect and not in Flowstone; the message says what to do instead."""


if TYPE_CHECKING:
    PrefectException = FlowstoneError
else:

    def __getattr__(name: str) -> Any:
        if name.startswith("_"):  # what imports ask for
            raise AttributeError(name)
        return import_module("flowstone.face.old_names").find(__name__, name)
