"""What the cache key of a task run is made of: policies, and how they add up.

`INPUTS + TASK_SOURCE` keys by arguments and code, `INPUTS - "debug"` leaves an argument out. A
policy is never changed: `+`, `-` and `configure` make new ones.
"""

# ruff: noqa: ARG002  every policy takes what any of them may need
from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

from flowstone.core.context import RunContext
from flowstone.core.keys import SOURCE, Ingredients
from flowstone.exceptions import HashError

if TYPE_CHECKING:
    from pathlib import Path

    from flowstone.context import TaskRunContext

Parameters = dict[str, Any] | None
_CONFIGURED = {
    "key_storage": "storage locations",
    "isolation_level": "isolation levels",
    "lock_manager": "lock implementations",
}


class CachePolicy:
    """The base of all policies: a subclass has `compute_key`.

    `key_storage` is where keys are kept apart from results, `isolation_level` and `lock_manager`
    say what concurrent runs of one key do.
    """

    key_storage: Any = None
    isolation_level: Any = None
    lock_manager: Any = None

    def __init__(
        self,
        key_storage: str | Path | Any = None,
        isolation_level: Any = None,
        lock_manager: Any = None,
    ) -> None:
        self.key_storage = key_storage
        self.isolation_level = isolation_level
        self.lock_manager = lock_manager

    @classmethod
    def from_cache_key_fn(
        cls, cache_key_fn: Callable[[Any, dict[str, Any]], str | None]
    ) -> CacheKeyFnPolicy:
        """Return the policy whose key is what a function of the context and arguments returns."""
        return CacheKeyFnPolicy(cache_key_fn=cache_key_fn)

    def compute_key(
        self,
        task_ctx: TaskRunContext | None,
        inputs: Parameters,
        flow_parameters: Parameters,
        **kwargs: Any,
    ) -> str | None:
        """Return the key of a call, None where it is not to be cached.

        Raises `HashError` where an ingredient cannot be hashed.
        """
        raise NotImplementedError

    def ingredients(
        self,
        task_ctx: TaskRunContext | RunContext | None,
        inputs: Parameters,
        flow_parameters: Parameters,
    ) -> Ingredients:
        """Return the key of a call with what it is made of."""
        key: Any = self.compute_key(_face(task_ctx), inputs, flow_parameters)
        if key is not None and not isinstance(key, str):
            message = f"A cache key is a text or None; {type(self).__name__} gave {key!r}."
            raise TypeError(message)
        return Ingredients(key, {type(self).__name__: key} if key is not None else {})

    def prepare(self, fn: Callable[..., Any]) -> None:
        """Do what is the same for all calls of a function, before the first of them."""

    def configure(
        self,
        key_storage: str | Path | Any = None,
        isolation_level: Any = None,
        lock_manager: Any = None,
    ) -> Self:
        """Return the same policy with another storage, isolation level or lock manager."""
        new = self._copied()
        given = (key_storage, isolation_level, lock_manager)
        for name, value in zip(_CONFIGURED, given, strict=True):
            if value is not None:
                setattr(new, name, value)
        return new

    def __add__(self, other: CachePolicy) -> CachePolicy:
        if not isinstance(other, CachePolicy):
            return NotImplemented
        if isinstance(other, _None):
            return self
        if isinstance(self, _None):
            return other
        for name, plural in _CONFIGURED.items():
            mine, its = getattr(self, name), getattr(other, name)
            if mine is not None and its is not None and mine != its:
                message = f"Cannot add CachePolicies with different {plural}."
                raise ValueError(message)
        both = {
            name: getattr(self if getattr(self, name) is not None else other, name)
            for name in _CONFIGURED
        }
        return CompoundCachePolicy(policies=_merged([self, other]), **both)

    def __sub__(self, other: str) -> CachePolicy:
        return self._without(_argument(other))

    def _without(self, _name: str) -> CachePolicy:
        """Return the policy without an argument; one that looks at none stays as it is."""
        return self

    def _copied(self) -> Self:
        kept = [getattr(self, name) for name in _CONFIGURED]
        return copy.deepcopy(self, {id(each): each for each in kept})  # locks cannot be copied

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # equal ones may come to differ

    def __repr__(self) -> str:
        given = (f"{name}={value!r}" for name, value in vars(self).items() if value)
        return f"{type(self).__name__}({', '.join(given)})"


class CacheKeyFnPolicy(CachePolicy):
    """The key is what `cache_key_fn(context, arguments)` returns."""

    def __init__(
        self,
        cache_key_fn: Callable[[Any, dict[str, Any]], str | None] | None = None,
        **configured: Any,
    ) -> None:
        super().__init__(**configured)
        self.cache_key_fn = cache_key_fn

    def compute_key(
        self, task_ctx: Any, inputs: Parameters, flow_parameters: Parameters, **kwargs: Any
    ) -> str | None:
        """Return what the function returns."""
        if self.cache_key_fn is None:
            return None
        return self.cache_key_fn(task_ctx, inputs or {})


class _Ours(CachePolicy):
    """A policy that knows its ingredients, of which its key is made."""

    _known: Callable[..., Ingredients]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "ingredients" in vars(cls):
            cls._known = cls.ingredients
        elif "compute_key" in vars(cls):  # a user's, which makes another key of the same
            cls.ingredients = CachePolicy.ingredients  # type: ignore[method-assign]

    def compute_key(
        self, task_ctx: Any, inputs: Parameters, flow_parameters: Parameters, **kwargs: Any
    ) -> str | None:
        """Return the key of a call."""
        return self._known(task_ctx, inputs, flow_parameters).key


class CompoundCachePolicy(_Ours):
    """Several policies: the key is made of all their keys, in order, except those that are None."""

    def __init__(self, policies: list[CachePolicy] | None = None, **configured: Any) -> None:
        super().__init__(**configured)
        self.policies = _merged(policies or [])

    def prepare(self, fn: Callable[..., Any]) -> None:
        """Let each policy do what is the same for all calls of a function."""
        for policy in self.policies:
            policy.prepare(fn)

    def ingredients(
        self, task_ctx: Any, inputs: Parameters, flow_parameters: Parameters
    ) -> Ingredients:
        """Return one key made of those of the policies."""
        keys: list[str] = []
        pieces: dict[str, Any] = {}
        for policy in self.policies:
            found = policy.ingredients(task_ctx, inputs, flow_parameters)
            pieces.update(found.pieces)
            if found.key is not None:
                keys.append(found.key)
        hashing = _hashing()
        return Ingredients(hashing.digest(hashing.pack(keys)).hex() if keys else None, pieces)

    def _without(self, name: str) -> CachePolicy:
        new = self._copied()
        new.policies = [policy - name for policy in new.policies]
        return new


class _None(CachePolicy):
    """No key: nothing is cached."""

    def compute_key(
        self, task_ctx: Any, inputs: Parameters, flow_parameters: Parameters, **kwargs: Any
    ) -> str | None:
        """Return None."""
        return None


class TaskSource(_Ours):
    """The code of the task, and what of the project it reaches."""

    def prepare(self, fn: Callable[..., Any]) -> None:
        """Take the fingerprint of the function, which is kept."""
        with suppress(Exception):  # what is wrong is told where the key of a call needs it
            _fingerprints().fingerprint(fn)

    def ingredients(
        self, task_ctx: Any, inputs: Parameters, flow_parameters: Parameters
    ) -> Ingredients:
        """Return the fingerprint of the task's function as the key; none without a task."""
        if task_ctx is None:
            return Ingredients(None)
        fn = task_ctx.spec.fn if isinstance(task_ctx, RunContext) else task_ctx.task.fn
        found = _fingerprints().fingerprint(fn)
        return Ingredients(found.digest, {SOURCE: found})


class FlowParameters(_Ours):
    """The parameters of the flow run around the call."""

    def ingredients(
        self, task_ctx: Any, inputs: Parameters, flow_parameters: Parameters
    ) -> Ingredients:
        """Return a hash of the flow's parameters; no key where it has none."""
        return _of_values("flow_parameter", flow_parameters or {})


class RunId(_Ours):
    """The flow run: keys are good within it. Outside of one, the task run."""

    def ingredients(
        self, task_ctx: Any, inputs: Parameters, flow_parameters: Parameters
    ) -> Ingredients:
        """Return the id as the key."""
        if task_ctx is None:
            return Ingredients(None)
        run = task_ctx.run if isinstance(task_ctx, RunContext) else task_ctx.task_run
        key = str(run.flow_run_id or run.id)
        return Ingredients(key, {"run": key})


class Inputs(_Ours):
    """The arguments of the call, except those in `exclude`."""

    def __init__(self, exclude: list[str] | None = None, **configured: Any) -> None:
        super().__init__(**configured)
        self.exclude = list(exclude or [])

    def ingredients(
        self, task_ctx: Any, inputs: Parameters, flow_parameters: Parameters
    ) -> Ingredients:
        """Return a hash of the arguments; no key where the task has no parameters."""
        left = inputs or {}
        if self.exclude:
            left = {name: each for name, each in left.items() if name not in self.exclude}
        return _of_values("input", left, is_empty=not inputs)

    def _without(self, name: str) -> CachePolicy:
        new = self._copied()
        new.exclude = list(dict.fromkeys([*self.exclude, name]))
        return new


def task_input_hash(context: Any, arguments: dict[str, Any]) -> str:
    """Return a key of a task, its code and its arguments; for use as a `cache_key_fn`.

    Raises `HashError` where an argument cannot be hashed.
    """
    task = _face(context).task
    source = _fingerprints().fingerprint(task.fn)
    inputs = _of_values("input", arguments, is_empty=False)
    hashing = _hashing()
    return str(hashing.hash_value([task.task_key, source.digest, inputs.key]))


def _face(context: Any) -> Any:
    """Return the context as users know it."""
    if isinstance(context, RunContext):
        return import_module("flowstone.context").TaskRunContext(context)
    return context


def _merged(policies: list[CachePolicy]) -> list[CachePolicy]:
    """Return policies without compounds among them, and with one `Inputs` at most."""
    flat: list[CachePolicy] = []
    for policy in policies:
        flat += policy.policies if isinstance(policy, CompoundCachePolicy) else [policy]
    # Of this very type: a subclass of a user's may make another key.
    inputs = [policy for policy in flat if type(policy) is Inputs]
    if len(inputs) < 2:
        return flat
    names = dict.fromkeys(name for policy in inputs for name in policy.exclude)
    one = Inputs(exclude=list(names))
    at = flat.index(inputs[0])
    others = [policy for policy in flat if type(policy) is not Inputs]
    return [*others[:at], one, *others[at:]]


def _argument(name: object) -> str:
    if not isinstance(name, str):
        message = (
            "What is taken from a cache policy is the name of an argument, as a text: "
            f"`INPUTS - 'debug'`; got {name!r}."
        )
        raise TypeError(message)
    return name


def _of_values(kind: str, values: dict[str, Any], *, is_empty: bool | None = None) -> Ingredients:
    """Return a key of named values, each of which is an ingredient."""
    if is_empty or (is_empty is None and not values):
        return Ingredients(None)
    hashing = _hashing()
    packed = hashing.pack_light(values)
    if packed is not None:
        return Ingredients(hashing.digest(packed).hex(), {kind: values})
    codes = {}
    for name in sorted(values):
        try:
            codes[name] = hashing.encode(values[name])
        except HashError as error:
            error.argument = name
            raise
        except Exception as error:
            reason = f"it cannot be hashed ({type(error).__name__}: {error})"
            raise HashError(reason, argument=name) from error
    return Ingredients(hashing.digest(hashing.pack(codes)).hex(), {kind: codes})


@functools.cache
def _fingerprints() -> Any:
    """Return the module that fingerprints code; programs without `TASK_SOURCE` never load it."""
    return import_module("flowstone.core.fingerprints")


@functools.cache
def _hashing() -> Any:
    """Return the module that hashes; programs that cache nothing never load it."""
    return import_module("flowstone.core.hashing")


INPUTS = Inputs()
TASK_SOURCE = TaskSource()
FLOW_PARAMETERS = FlowParameters()
RUN_ID = RunId()
NO_CACHE = NONE = _None()
DEFAULT = INPUTS + TASK_SOURCE + RUN_ID

__all__ = [  # noqa: RUF022  in the order of its characters, as everywhere here
    "CacheKeyFnPolicy",
    "CachePolicy",
    "CompoundCachePolicy",
    "DEFAULT",
    "FLOW_PARAMETERS",
    "FlowParameters",
    "INPUTS",
    "Inputs",
    "NONE",
    "NO_CACHE",
    "RUN_ID",
    "RunId",
    "TASK_SOURCE",
    "TaskSource",
    "task_input_hash",
]
