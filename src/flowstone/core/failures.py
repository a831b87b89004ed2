"""What is said of a run that ended badly."""

from __future__ import annotations

from flowstone.core.stopping import TerminationSignal
from flowstone.exceptions import WorkerDied


def error_text(error: BaseException | None) -> str:
    """Return the type and the text of an exception, whatever its `__str__` does."""
    try:
        text = str(error)
    except Exception as broken:  # noqa: BLE001  a user's exception may have any __str__
        text = f"<its text raised {type(broken).__name__}>"
    return f"{type(error).__name__}: {text}"


def why_crashed(error: BaseException) -> str:
    """Return the message of a run that this exception ended, which is not its own."""
    match error:
        case TerminationSignal():
            return "Execution was aborted by a termination signal."
        case KeyboardInterrupt():
            return "Execution was aborted by an interrupt signal."
        case SystemExit():
            return "Execution was aborted by Python system exit call."
        case GeneratorExit():
            return "Execution was cancelled by the runtime environment."
        case WorkerDied():
            return str(error)
    if type(error).__name__ == "CancelledError":  # asyncio's, which this layer does not import
        return "Execution was cancelled by the runtime environment."
    return f"Execution was interrupted by an unexpected exception: {error_text(error)}"
