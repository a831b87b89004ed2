"""What a task or flow asks of the keeping of its results, made of its options."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flowstone.cache_policies import NO_CACHE, CacheKeyFnPolicy, CachePolicy
from flowstone.core.policy import Keeping
from flowstone.results.filesystems import LocalFileSystem, Place, storage_at
from flowstone.results.serializers import serializer_of

PLACES: dict[str, Place] = {}
"""The storages that tasks and flows of this process were declared with, by their places."""
_logger = logging.getLogger("flowstone.tasks")


def keeping_of(
    name: str, options: Mapping[str, Any], *, no_cache: bool = False, never_cache: bool = False
) -> tuple[bool | None, Keeping]:
    """Return whether results are kept (None where the surroundings decide), and how.

    `no_cache` is for those that give no policy, `never_cache` for all. Raises `TypeError` or
    `ValueError` for an option that cannot be.
    """
    persists = options.get("persist_result")
    policy, is_usual = _policy(name, options)
    if persists is False:
        policy, is_usual = NO_CACHE, False
    storage, serializer = options.get("result_storage"), options.get("result_serializer")
    if policy is not None and policy.key_storage is not None:
        _checked(policy.key_storage)  # so that results by the ids of runs are read from there
    storage_key, refresh = _storage_key(options), options.get("refresh_cache")
    is_asked_for = bool(persists) or storage is not None or serializer is not None
    if persists is None:
        is_cached = policy is not None and policy != NO_CACHE
        persists = True if is_asked_for or is_cached or storage_key is not None else None
    if never_cache or (no_cache and is_usual):
        policy, is_usual = NO_CACHE, False
    if storage_key is not None and policy == NO_CACHE:
        refresh = True  # kept under that key, and never found there
    return persists, Keeping(
        policy=policy,
        is_usual=is_usual,
        by_id=is_asked_for,
        expires_after=_expiration(options.get("cache_expiration")),
        refresh=refresh,
        storage=_checked(storage),
        storage_key=storage_key,
        serializer=None if serializer is None else serializer_of(serializer),
        in_memory=options.get("cache_result_in_memory") is not False,
    )


def _policy(name: str, options: Mapping[str, Any]) -> tuple[CachePolicy | None, bool]:
    """Return the policy that was chosen, and whether none was."""
    given, key_fn = options.get("cache_policy"), options.get("cache_key_fn")
    if given is not None and not isinstance(given, CachePolicy):
        message = (
            f"`cache_policy` must be a cache policy, such as INPUTS + TASK_SOURCE; got {given!r} "
            f"of type {type(given).__name__}."
        )
        raise TypeError(message)
    if key_fn is not None:
        if not callable(key_fn):
            message = (
                f"Expected `cache_key_fn` to be callable, got {type(key_fn).__name__} instead."
            )
            raise TypeError(message)
        if given is not None:
            _logger.warning(
                "Task %r has both a `cache_policy` and a `cache_key_fn`: the `cache_key_fn` will "
                "be used. Leave one of them out.",
                name,
            )
        given = CacheKeyFnPolicy(cache_key_fn=key_fn)
    if options.get("persist_result") is False and given is not None and given != NO_CACHE:
        _logger.warning(
            "Ignoring `cache_policy` because `persist_result` is False: without a kept result task "
            "%r has nothing to find again.",
            name,
        )
    if options.get("result_storage_key") is not None and given != NO_CACHE:
        return None, False
    return given, "cache_policy" not in options and key_fn is None


def _storage_key(options: Mapping[str, Any]) -> str | None:
    key = options.get("result_storage_key")
    if key is not None and not isinstance(key, str):
        message = f"`result_storage_key` must be a text; got {key!r} of type {type(key).__name__}."
        raise TypeError(message)
    return key


def _expiration(given: Any) -> int | None:
    if given is None:
        return None
    if not isinstance(given, timedelta):
        message = (
            f"`cache_expiration` must be a timedelta; got {given!r} of type {type(given).__name__}."
        )
        raise TypeError(message)
    return given // timedelta(microseconds=1) * 1000


def _checked(storage: Any) -> Any:
    """Return a storage that can be; a relative directory is one of now."""
    if storage is None:
        return None
    if isinstance(storage, os.PathLike):
        storage = LocalFileSystem(os.path.abspath(storage))
    PLACES[storage_at(storage).place] = storage
    return storage
