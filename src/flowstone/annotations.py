"""Marks on arguments: how `map` and the search for futures are to treat a value."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Seen:
    """Whether this process has made anything that arguments would have to be searched for.

    That is a future, a state or one of the marks.
    """

    __slots__ = ("any",)

    def __init__(self) -> None:
        self.any = False


SEEN = Seen()


class Annotation(tuple[T], Generic[T]):
    """A value with a mark on it. Two are equal where the mark and the value are."""

    __slots__ = ()

    def __new__(cls, value: T) -> Annotation[T]:
        SEEN.any = True
        return tuple.__new__(cls, (value,))

    def __getnewargs__(self) -> tuple[T]:
        """Return what a copy, or a pickle, is made with: a tuple's own would be marked twice."""
        return (self.value,)

    @property
    def value(self) -> T:
        """The value itself."""
        return tuple.__getitem__(self, 0)

    def unwrap(self) -> T:
        """Return the value itself."""
        return self.value

    def rewrap(self, value: Any) -> Annotation[Any]:
        """Return another value with the same mark."""
        return type(self)(value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((type(self).__name__, tuple.__hash__(self)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


class unmapped(Annotation[T]):  # noqa: N801  users know it by this name
    """Given to `map`: the value goes to every run as it is."""

    __slots__ = ()

    def __getitem__(self, index: Any) -> Any:
        """Return the value, whatever the index: it stands for as many as are needed."""
        return self.value


class allow_failure(Annotation[T]):  # noqa: N801
    """The futures in the value may fail: their exceptions are delivered in their place."""

    __slots__ = ()


class quote(Annotation[T]):  # noqa: N801
    """Nothing in the value is looked for or resolved; the function gets the value itself."""

    __slots__ = ()

    def unquote(self) -> T:
        """Return the value itself."""
        return self.value


class opaque(Annotation[T]):  # noqa: N801
    """A future is resolved, but its result is not looked into."""

    __slots__ = ()


class freeze(Annotation[T]):  # noqa: N801
    """A parameter that is to be kept for later runs. Raises `ValueError` for what is no JSON."""

    __slots__ = ()

    def __new__(cls, value: T) -> freeze[T]:
        try:
            msgspec.json.encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            message = f"A frozen value must be JSON serializable, and this is not: {error}"
            raise ValueError(message) from error
        return super().__new__(cls, value)  # type: ignore[return-value]

    def unfreeze(self) -> T:
        """Return the value itself."""
        return self.value


class NotSet:
    """Stands for a value that was not given, where None is one."""
