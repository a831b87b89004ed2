"""The graph and the timeline of a flow run, as they travel."""

from __future__ import annotations

import msgspec

from flowstone.core.ids import id_text
from flowstone.server.wire.kinds import Id, Time, id_or_none, time_or_none
from flowstone.server.wire.runs import StateRuns, StateShown, state_runs
from flowstone.server.wire.times import time_text
from flowstone.store.reading.graph import End, Group, Node, Picture
from flowstone.store.reading.timeline import Bars
from flowstone.store.selecting import UNKNOWN

_tags = msgspec.json.Decoder(list[str]).decode


class GraphNode(msgspec.Struct, frozen=True, kw_only=True):
    """A run: of a task (`kind`), or of a flow that the flow run called. `of` is their name.

    `group` is the node that it is folded into; `parent` the task run that called it.
    """

    id: Id
    kind: str
    of: str
    group: str
    name: str
    state: StateShown
    created: Time
    started: Time | None
    ended: Time | None
    parent: Id | None


class GraphGroup(msgspec.Struct, frozen=True, kw_only=True):
    """All runs of one task (or flow), as one node: from the first start to the last end."""

    id: str
    kind: str
    of: str
    runs: int
    states: tuple[StateRuns, ...]
    started: Time | None
    ended: Time | None


class GraphEdge(msgspec.Struct, frozen=True, kw_only=True):
    """Results go from one node to another; `count` is how many."""

    source: str
    target: str
    count: int


class RunGraph(msgspec.Struct, frozen=True, kw_only=True):
    """A flow run's graph: nodes where there are few, else groups, which unfold one by one.

    `is_whole` is false where there are too many edges to send.
    """

    runs: int
    nodes: list[GraphNode]
    groups: list[GraphGroup]
    edges: list[GraphEdge]
    is_whole: bool


class UnfoldedGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Some runs of a group, the edges that end in them, and where the next page goes on."""

    items: list[GraphNode]
    edges: list[GraphEdge]
    next: str | None


class TimelineState(msgspec.Struct, frozen=True):
    """A state that a column names by its place in `states`."""

    type: str
    name: str


class TimelineTries(msgspec.Struct, frozen=True):
    """A run (its place in the columns) that was tried more than once, and when.

    `turns` are when an attempt began and when it ended, in turns, as microseconds after `origin`.
    The last one has no end as long as it runs, and where its process died.
    """

    run: int
    attempts: int
    turns: list[int]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of a flow run as columns, the oldest first: the same place in each is the same run.

    `created`, `started` and `ended` are microseconds after `origin`; null where it has not
    happened. `of`, `state` and `tags` are places in `names`, `states` and `tag_sets`; `parent` is
    the task run that called it, null for what the flow run called itself. `titles` are the runs'
    names. `tries` has only those that were tried more than once.
    """

    origin: Time
    ids: list[Id]
    of: list[int]
    created: list[int]
    started: list[int | None]
    ended: list[int | None]
    state: list[int]
    parent: list[Id | None]
    titles: list[str | None]
    tags: list[int]
    tries: list[TimelineTries]
    names: list[str]
    states: list[TimelineState]
    tag_sets: list[list[str]]
    next: str | None


def group_id(kind: str, ref: int | None) -> str:
    """Return the id of the group that the runs of a task or flow are folded into."""
    return f"{kind}-{ref or 0}"


def graph_node(node: Node) -> GraphNode:
    """Return a run as a graph shows it."""
    return GraphNode(
        id=id_text(node.id),
        kind=node.kind,
        of=node.of,
        group=group_id(node.kind, node.ref),
        name=node.name,
        state=StateShown(type=node.state_type, name=node.state_name, message=None),
        created=time_text(node.created),
        started=time_or_none(node.started),
        ended=time_or_none(node.ended),
        parent=id_or_none(node.parent),
    )


def graph_of(picture: Picture) -> RunGraph:
    """Return a graph as it travels."""
    return RunGraph(
        runs=picture.runs,
        nodes=[graph_node(node) for node in picture.nodes],
        groups=[_group(group) for group in picture.groups],
        edges=[
            GraphEdge(source=_end(giver), target=_end(taker), count=count)
            for taker, giver, count in picture.edges
        ],
        is_whole=picture.is_whole,
    )


def timeline_of(bars: Bars, origin: int, cursor: str | None) -> Timeline:
    """Return bars as they travel."""
    refs = {ref: place for place, ref in enumerate(dict.fromkeys(bars.kind))}
    states = {ref: place for place, ref in enumerate(dict.fromkeys(bars.state))}
    tags = {text: place for place, text in enumerate(dict.fromkeys(bars.tags))}

    return Timeline(
        origin=time_text(origin),
        ids=[_text(one.hex()) for one in bars.ids],
        of=[refs[ref] for ref in bars.kind],
        created=[(at - origin) // 1000 for at in bars.created],
        started=[None if at is None else (at - origin) // 1000 for at in bars.started],
        ended=[None if at is None else (at - origin) // 1000 for at in bars.ended],
        state=[states[ref] for ref in bars.state],
        parent=[None if one is None else _text(one.hex()) for one in bars.parent],
        titles=bars.names,
        tags=[tags[text] for text in bars.tags],
        tries=[
            TimelineTries(one.place, one.attempts, [(at - origin) // 1000 for at in one.turns])
            for one in bars.tries
        ],
        names=[bars.kinds.get(ref or 0, UNKNOWN) for ref in refs],
        states=[TimelineState(*bars.states[ref]) for ref in states],
        tag_sets=[_tags(text) if text else [] for text in tags],
        next=cursor,
    )


def _text(digits: str) -> str:
    """Write an id of 32 digits: a third of what `id_text` takes, which counts at 100,000."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _group(group: Group) -> GraphGroup:
    return GraphGroup(
        id=group_id(group.kind, group.ref),
        kind=group.kind,
        of=group.of,
        runs=group.runs,
        states=state_runs(group.states),
        started=time_or_none(group.started),
        ended=time_or_none(group.ended),
    )


def _end(end: End) -> str:
    return id_text(end) if isinstance(end, bytes) else group_id(*end)
