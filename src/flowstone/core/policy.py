"""What a task or flow asks for: when it fails, how often again and after how long; of its results,
how they are kept.

Decisions are values, made from what is passed in; nothing here waits, draws or looks at a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

MOST_DELAYS = 50

Delays = float | Iterable[float] | Callable[[int], Iterable[float]]
"""Seconds before a retry: one number, one for each retry, or a function of their number."""


class Policy(msgspec.Struct, frozen=True):
    """The retries of a task or flow, fixed when it is declared.

    `delays` are seconds, the last one repeats; `jitter` the factor that spreads them; `condition`
    the user's function that may refuse a retry.
    """

    retries: int = 0
    delays: tuple[float, ...] = ()
    jitter: float = 0.0
    condition: Callable[..., Any] | None = None

    def may_retry(self, attempt: int) -> bool:
        """Whether the failure of attempt `attempt` (counted from 1) leaves one more."""
        return attempt <= self.retries

    def delay(self, attempt: int, draw: Callable[[], float]) -> float:
        """Return the seconds to wait after attempt `attempt` failed.

        `draw` gives numbers from [0, 1) and is called only where there is jitter. For a factor
        f ≤ 1 the delay is spread evenly over delay × [1 − f, 1 + f]; above, it is
        delay × (1 + f) × Beta(1, f). Either way the mean is the delay, the longest
        delay × (1 + f).
        """
        if not self.delays:
            return 0.0
        delay: float = self.delays[min(attempt, len(self.delays)) - 1]
        factor = self.jitter
        if not factor or not delay:
            return delay
        if factor <= 1:
            return delay * (1 + factor * (2 * draw() - 1))
        # The inverse of the distribution function of Beta(1, f) is 1 - (1 - u) ** (1 / f).
        return float(delay * (1 + factor) * (1 - (1 - draw()) ** (1 / factor)))


NO_RETRIES = Policy()


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a task or flow that say how its results are kept.

    `policy` makes the key under which other runs find a result; with `is_usual` nobody chose one,
    and `DEFAULT` does; with `by_id` a result without a key is kept too, under its run's id.
    `expires_after` is in nanoseconds. None means that the surroundings decide.
    """

    policy: Any = None
    is_usual: bool = True
    by_id: bool = False
    expires_after: int | None = None
    refresh: bool | None = None
    storage: Any = None
    storage_key: str | None = None
    serializer: Any = None
    in_memory: bool = True


AS_USUAL = Keeping()
"""Of what was declared without any of these options."""


def make_delays(given: Delays | None, retries: int) -> tuple[float, ...]:
    """Return the delays that a decorator was given as a tuple of seconds.

    Raises `TypeError` for anything but a number, numbers, or a function that returns them, and
    `ValueError` for more than 50 of them or for a negative one.
    """
    if callable(given):
        given = given(retries)
    if given is None:
        return ()
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        delays: tuple[float, ...] = (float(given),)
    elif isinstance(given, Iterable) and not isinstance(given, (str, bytes)):
        items: list[Any] = list(given)
        wrong = [item for item in items if not isinstance(item, (int, float))]
        if wrong:
            raise TypeError(_wrong_delays(wrong[0]))
        delays = tuple(float(item) for item in items)
    else:
        raise TypeError(_wrong_delays(given))
    if len(delays) > MOST_DELAYS:
        message = (
            f"Can not configure more than {MOST_DELAYS} retry delays per task. "
            f"{len(delays)} were given; the last one repeats, so a shorter list will do."
        )
        raise ValueError(message)
    if any(delay < 0 for delay in delays):
        message = f"Retry delays are seconds and cannot be negative; got {min(delays)}."
        raise ValueError(message)
    return delays


def _wrong_delays(found: object) -> str:
    return (
        "Invalid `retry_delay_seconds` provided; must be an int, float, list of numbers, or a "
        f"function that returns such a list; received {found!r} of type {type(found).__name__}."
    )


def make_jitter(factor: float | None) -> float:
    """Return a jitter factor, 0 for none. Raises `ValueError` for a negative one."""
    if factor is not None and factor < 0:
        message = f"`retry_jitter_factor` must be >= 0. Got {factor}."
        raise ValueError(message)
    return float(factor or 0.0)


def exponential_backoff(backoff_factor: float) -> Callable[[int], list[float]]:
    """Return a function that makes delays of `backoff_factor` seconds, doubled for each retry.

    Give it to `retry_delay_seconds`: `exponential_backoff(10)` waits 10, 20, 40, ... seconds.
    """

    def delays(retries: int) -> list[float]:
        return [backoff_factor * 2.0**i for i in range(max(0, min(retries, MOST_DELAYS)))]

    return delays
