"""What a cache key is made of, so that a miss can be explained.

A key is all or nothing: where one ingredient cannot be hashed there is none, and the error tells
which. The ingredients of a key are kept beside the result, as a short text.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

import msgspec

from flowstone.core.failures import error_text
from flowstone.exceptions import HashError

SOURCE = "source"
"""The ingredient that is the code of the task."""


class Ingredients(msgspec.Struct, frozen=True):
    """A cache key, or why there is none; and what it was made of, by name.

    An ingredient is a text, the code of a value (`core.codes`), a fingerprint of code, or several
    values by name: as codes, or as they are where they are light.
    """

    key: str | None
    pieces: Mapping[str, Any] = {}
    error: Exception | None = None

    def pack(self) -> str:
        """Return the ingredients as a text to keep beside a result."""
        texts: dict[str, Any] = {}
        for name, piece in self.pieces.items():
            if isinstance(piece, dict):
                texts.update({f"{name}.{inner}": _short(piece[inner]) for inner in piece})
            else:
                texts[name] = _short(piece) if isinstance(piece, bytes) else piece
        return msgspec.json.encode(texts).decode()


def _short(value: Any) -> str:
    hashing = import_module("flowstone.core.hashing")
    code = value if isinstance(value, bytes) else hashing.encode(value)
    text: str = hashing.digest(code)[:8].hex()
    return text


class Policy(Protocol):
    """A cache policy, as the engine knows it."""

    def ingredients(
        self, task_ctx: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any] | None
    ) -> Ingredients:
        """Return the key of a call and what it is made of. Raises where it cannot be made."""


def key_of(
    policy: Policy, context: Any, inputs: dict[str, Any], flow_parameters: dict[str, Any] | None
) -> Ingredients:
    """Return the key of a call; none, and the error, where the policy cannot make it."""
    try:
        return policy.ingredients(context, inputs, flow_parameters)
    except Exception as error:  # noqa: BLE001  a policy, and what it hashes, may be a user's
        return Ingredients(None, error=error)


def why_no_key(task: str, error: Exception) -> str:
    """Return the warning for a task whose calls cannot be cached."""
    if isinstance(error, HashError):
        name = error.argument
        cure = f" Leave it out of the key with `- {name!r}`, or" if name else " "
        cure += " use `cache_policy=NO_CACHE`." if name else "Use `cache_policy=NO_CACHE`."
        return f"Calls of task {task!r} are not cached: {error}.{cure}"
    return f"Calls of task {task!r} are not cached: its cache policy raised {error_text(error)}"


def explain(old: str, new: str) -> list[str]:
    """Return which ingredients differ between two packed sets, one sentence each."""
    before, after = _unpack(old), _unpack(new)
    told = []
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            told.append(f"The ingredient {name!r} {'is new' if name in after else 'is gone'}.")
        elif before[name] != after[name]:
            told += _differences(name, before[name], after[name])
    return told


def _differences(name: str, old: Any, new: Any) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        fingerprints = import_module("flowstone.core.fingerprints")
        kind = fingerprints.Fingerprint
        sentences: list[str] = fingerprints.explain(
            msgspec.convert(old, kind), msgspec.convert(new, kind)
        )
        return sentences
    kind_of, _, argument = name.partition(".")
    if argument:
        return [f"The {_KINDS.get(kind_of, kind_of)} {argument!r} differs."]
    return [f"The {name} differs: {old} then, {new} now."]


_KINDS = {"input": "argument", "flow_parameter": "flow's parameter"}


def _unpack(text: str) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
