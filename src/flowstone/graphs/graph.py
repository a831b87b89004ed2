"""What a picture shows: nodes, which may hold other nodes, and edges between neighbours."""

from __future__ import annotations

import msgspec


class StateCount(msgspec.Struct, frozen=True):
    """How many runs of a node are in a state."""

    type: str
    name: str
    runs: int


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One task or flow, or one run of it, or many runs (`count`) that are drawn as one.

    `key` is unique in the graph and can stand in Mermaid text. `states` are those of its runs, the
    most frequent first; none where nothing ran. `seconds` is from the first start to the last end.
    `inside` are the runs that it called.
    """

    key: str
    label: str
    count: int = 1
    states: tuple[StateCount, ...] = ()
    seconds: float | None = None
    inside: tuple[Node, ...] = ()

    @property
    def worst(self) -> str | None:
        """The type of the state that most needs a look, None where nothing ran."""
        return min((state.type for state in self.states), key=_URGENCY.index, default=None)


class Graph(msgspec.Struct, frozen=True):
    """Nodes in the order of their creation. Both ends of an edge are within the same node."""

    title: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]


_URGENCY = (
    "FAILED",
    "CRASHED",
    "CANCELLED",
    "CANCELLING",
    "PAUSED",
    "RUNNING",
    "SCHEDULED",
    "PENDING",
    "COMPLETED",
)
