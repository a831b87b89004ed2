"""A run whose result is kept: looked for before its body runs, and kept when it has ended.

Identical calls that are under way at once are computed once: who comes first under a key holds its
flight, and the others wait until that has ended, and look again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from flowstone.core.context import FlowContext, RunContext
from flowstone.core.facts import ResultNoted
from flowstone.core.keys import Ingredients, key_of, why_no_key
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.runs import FlowRun, TaskRun
from flowstone.core.states import COMPLETED, PENDING, State, StateType
from flowstone.engine.attempts import fire, settle
from flowstone.engine.ops import Env, Flight, Ops, Shelf
from flowstone.engine.replays import Yielded, is_recording, recording_of, values_in
from flowstone.engine.steps import Done
from flowstone.exceptions import ConfigurationError

if TYPE_CHECKING:
    from flowstone.results.kept import Kept

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.05
"""Seconds between two looks at a lock that somebody else has."""
QUEUED = "Queued: an identical call is under way"
"""The message of a run that waits for the result of another one."""


class KeptRun:
    """A run whose result is kept. `hit` is what was found; `flight` it holds while it computes.

    `yielded` is what a generator has yielded whose values are to be given again.
    """

    # What it begins with stands in the class: so making one stores little.
    hit: Kept | None = None
    flight: Flight | None = None
    yielded: Yielded | None = None
    _is_locked = False
    _began = 0
    _made = Ingredients(None)
    _reason: str | None = None

    def __init__(self, context: RunContext, shelf: Shelf, env: Env, key: str | None = None) -> None:
        self.shelf = shelf
        self._context, self._env = context, env
        self._key = key

    async def look_up(self, ready: Ok, exist: Callable[[], None], ops: Ops) -> KeptRun | Ok:
        """Look for the result of such a call, and wait for one that is under way.

        `exist` makes the run known as Pending before it waits.
        """
        context, env = self._context, self._env
        context.call = args, kwargs = ready.value
        self._made = made = self._ingredients(context.spec.binding.bind(args, kwargs))
        self._key = key = made.key
        if made.error is not None:
            self._reason = why_no_key(context.spec.name, made.error)
            env.report.uncached(context, self._reason)
        if key is not None and self.shelf.refresh:
            self._reason = "refresh_cache was set."
        elif key is not None:
            if await self._find(key, ops):
                return self
            if not context.spec.isgenerator:
                await self._board(key, exist, ops)
        self._began = env.now()
        return ready if self.hit is None else self

    async def _board(self, key: str, exist: Callable[[], None], ops: Ops) -> None:
        """Get the flight of a key, or what another run finds that has it."""
        context, env, run = self._context, self._env, self._context.run
        while True:
            flight = self.shelf.begin(key, context)
            if flight.holder is context:
                self.flight = flight
                if self.shelf.lock_manager is not None:
                    await self._lock(key, ops)
                if await self._find(key, ops):  # it may have been kept since the look before
                    self.release()
                return
            if flight.would_hang(context, blocks=ops.blocks):
                return
            exist()
            if run.message != QUEUED:
                env.log.append(run.enter(PENDING, env.now(), None, QUEUED))
            await ops.wait(context, [flight.awaited_by(context)])
            if not flight.is_done or await self._find(key, ops):
                return

    async def _lock(self, key: str, ops: Ops) -> None:
        """Take the lock of a key, as an isolation level of its policy wants it."""
        manager, holder = self.shelf.lock_manager, str(self._context.run.id)
        pause = _FIRST_PAUSE
        while True:
            taken = await ops.call(manager.acquire_lock, (key, holder, 0), {})
            if isinstance(taken, Err):
                self._env.report.warned(self._context, f"Its key is not locked: {taken.error}")
                return
            if taken.value:
                self._is_locked = True
                return
            await ops.sleep(self._context, pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def look_back(self, ops: Ops) -> bool:
        """Look for the result of such a subflow in an earlier attempt of the flow around it."""
        context, around = self._context, self._around
        if around is None:
            return False
        self._made = self._ingredients(context.run.parameters)
        if self._made.error is not None or around.run.run_count == 1:
            return False
        ended = around.ended_flows.get(self._call, [])
        met = around.run.run_count, self._call
        number = around.met_flows.get(met, 0)
        around.met_flows[met] = number + 1
        if number >= len(ended) or not await self._find(ended[number], ops):
            return False
        self._key = ended[number]
        return True

    @property
    def _around(self) -> FlowContext | None:
        """The flow run around a subflow that may be tried again."""
        outer = self._context.outer
        around = outer.flow if outer is not None else None
        return around if around is not None and around.spec.policy.retries else None

    @property
    def _call(self) -> tuple[str, str | None]:
        return self._context.spec.name, self._made.key

    async def deliver(self, ops: Ops) -> Outcome:
        """End the run, which is Running, as Cached; return what was found."""
        context, env, hit = self._context, self._env, self.hit
        run, spec = context.run, context.spec
        assert hit is not None
        context.is_sealed = True
        if spec.on_running_hooks:
            await fire(spec.on_running_hooks, context, None, ops, env)
        outcome: Outcome = Ok(hit.value)
        if type(hit.value) is dict and is_recording(hit.value):
            values, returned = values_in(hit.value)
            outcome = await ops.replay(context, values, returned) if ops.yields else Ok(values)
            if isinstance(outcome, Err):
                return await settle(context, outcome, None, ops, env)
        now = env.now()
        self._note(now, self._key, seconds=hit.header.seconds, is_hit=True, is_kept=True)
        env.log.closed(run, run.enter(COMPLETED, now, "Cached"))
        env.report.ended(context)
        if spec.on_completion_hooks:
            await fire(spec.on_completion_hooks, context, hit.value, ops, env)
        self.hit = None  # who asks where a value came from asks whether anybody else holds it
        del self._context  # else the two hold each other, and what the run was called with
        return outcome

    async def keep(self, value: Any, ops: Ops) -> None:
        """Keep what the body returned; where a transaction is open, at its commit."""
        if self._is_replayed:
            if ops.yields:
                value = None if self.yielded is None else self.yielded.recording(value)
            else:
                value = recording_of(value)
            if value is None:
                return
        transaction, seconds = self._context.transaction, self._seconds
        if transaction is not None:
            transaction.stage_result(partial(self._keep, value, seconds))
            self.release()
            return
        await self._keep(value, seconds, ops)
        self.release()
        del self._context  # see `deliver`

    async def keep_end(self, state: State | None, error: BaseException | None, ops: Ops) -> None:
        """Keep the data of the state that the body asked for, or what it raised."""
        if state is not None and state.is_completed() and not self._context.spec.isgenerator:
            await self.keep(state.data, ops)
        elif (state is None or state.type is StateType.FAILED) and error is not None:
            await self._save(str(self._context.run.id), error, self._seconds, ops)
        self.release()

    def release(self) -> None:
        """Let those who wait for this run look for its result."""
        flight, self.flight = self.flight, None
        if flight is not None:
            if self._is_locked:
                self._unlock()
            flight.end()

    def _unlock(self) -> None:
        """Free the lock of the key; where that cannot be, the result counts all the same."""
        self._is_locked = False
        try:
            self.shelf.lock_manager.release_lock(self._key, str(self._context.run.id))
        except Exception as error:  # noqa: BLE001  lock managers may be a user's
            self._env.report.warned(self._context, f"The lock of its key was not freed: {error}")

    def attempt_begins(self) -> None:
        """Note that a generator begins, maybe anew."""
        self.yielded = Yielded(self.shelf) if self._is_replayed else None

    @property
    def _is_replayed(self) -> bool:
        """Whether it is a generator whose values are to be given again: by explicit policy only."""
        spec = self._context.spec
        return spec.isgenerator and self._made.key is not None and not spec.keeping.is_usual

    async def _find(self, key: str, ops: Ops) -> bool:
        """Look under the key once; return whether what is there can be used."""
        found = await ops.load(self.shelf, key, self._env.now())
        if isinstance(found, Err):
            self._reason = str(found.error)
            self._env.report.warned(self._context, f"{self._reason}. It is computed again.")
        elif isinstance(found.value, str):
            self._reason = found.value
        elif not self._is_replayed or is_recording(found.value.value):
            self.hit = found.value
        return self.hit is not None

    @property
    def _seconds(self) -> float:
        """What the body has taken up to now; waits for an identical call left out."""
        now = self._env.now()
        running: float = self._context.run.running_since(now)
        return min(running, (now - self._began) / 1e9)

    async def _keep(self, value: Any, seconds: float, ops: Ops) -> None:
        run, spec = self._context.run, self._context.spec
        key = self._key
        if key is None and spec.keeping.by_id:
            key = str(run.id)
        if key is not None:
            is_kept = await self._save(key, value, seconds, ops)
            if is_kept and isinstance(run, FlowRun) and (around := self._around) is not None:
                around.ended_flows.setdefault(self._call, []).append(key)
        elif self._reason is not None:
            self._note(self._env.now(), None, seconds=0.0)

    async def _save(self, key: str, value: Any, seconds: float, ops: Ops) -> bool:
        """Keep a value or an exception; return whether that was possible."""
        context, env, shelf = self._context, self._env, self.shelf
        now = env.now()
        note = self._made.pack() if self._made.key is not None else ""
        saved = await ops.save(shelf, key, value, (now, note, seconds, context.spec.name))
        if isinstance(saved, Err):
            text = f"The result was not kept: {saved.error}"
            env.report.warned(context, text)
        is_kept = isinstance(saved, Ok)
        self._note(now, key, seconds=seconds, is_kept=is_kept)
        return is_kept

    def _note(
        self,
        now: int,
        key: str | None,
        *,
        seconds: float,
        is_hit: bool = False,
        is_kept: bool = False,
    ) -> None:
        """Record where the result is."""
        reason = None if is_hit else self._reason
        place, run = self.shelf.place, self._context.run.key
        self._env.log.append(ResultNoted(run, now, place, key, is_hit, is_kept, seconds, reason))

    def _ingredients(self, parameters: dict[str, Any]) -> Ingredients:
        context, policy, flow = self._context, self.shelf.policy, self._context.flow
        if policy is None:
            return Ingredients(None)
        return key_of(policy, context, parameters, None if flow is None else flow.run.parameters)


def look_up(
    context: RunContext, ready: Ok, exist: Callable[[], None], ops: Ops, env: Env
) -> Awaitable[KeptRun | Outcome]:
    """Give the `KeptRun` that found the result of a task run, or else what is `ready` to run.

    An error where that is not possible. `exist` makes the run known as Pending before it waits.
    """
    try:
        kept = shelve(context, env)
    except ConfigurationError as error:
        return Done(Err(error, error.__traceback__))
    return Done(ready) if kept is None else kept.look_up(ready, exist, ops)


def shelve(context: RunContext, env: Env, key: str | None = None) -> KeptRun | None:
    """Return what keeps the result of a run; None, and a warning, where nothing can.

    Raises `ConfigurationError` for a policy that wants locks and has none.
    """
    run, flow, outer = context.run, context.flow, context.outer
    try:
        shelf = env.results.shelf(context)
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001  storages and serializers may be a user's
        env.report.uncached(context, f"Its results are not kept: {error}")
        return None
    if context.spec.isgenerator and context.spec.keeping.is_usual:
        return None
    if isinstance(run, TaskRun) and run.sequence < 0:  # what makes keys asks for them
        run.flow_run_key = flow.run.key if flow is not None else None
        run.parent_key = outer.run.key if outer is not None and outer is not flow else None
    context.keeping = kept = KeptRun(context, shelf, env, key)
    return kept
