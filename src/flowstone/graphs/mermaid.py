"""A graph as Mermaid text, which code hosts and notebooks draw."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flowstone.core.durations import duration
from flowstone.core.plain import clean_text
from flowstone.graphs.graph import Graph, Node

_NOT_IN_KEYS = re.compile(r"[^0-9A-Za-z_]")
# What ends a quoted text, or means something in one: quotes, tags, entities, Markdown.
_SPECIAL = re.compile(r"""["#&<>`*\\]|^[-+=~]|(?<=^\d)[.)]|(?<=^\d\d)[.)]""")
_STYLES = {
    "COMPLETED": "stroke:#2f9e44",
    "FAILED": "stroke:#e03131,stroke-width:3px",
    "CRASHED": "stroke:#e8590c,stroke-width:3px",
    "CANCELLED": "stroke:#868e96,stroke-dasharray:4",
    "CANCELLING": "stroke:#868e96,stroke-dasharray:4",
    "RUNNING": "stroke:#1c7ed6",
    "PENDING": "stroke:#9c36b5",
    "SCHEDULED": "stroke:#9c36b5",
    "PAUSED": "stroke:#0c8599",
}


def mermaid(graph: Graph) -> str:
    """Return the graph as a Mermaid flowchart, its nodes coloured by their states."""
    lines = ["flowchart TD", *_nodes(graph.nodes, "    ")]
    lines += [f"    {start} --> {end}" for start, end in graph.edges]
    types = sorted(set(_types(graph.nodes)))
    lines += [f"    classDef {kind.lower()} {_STYLES[kind]}" for kind in types]
    return "\n".join(lines)


def mermaid_key(text: str) -> str:
    """Return a text as the key of a node: letters, digits and `_`."""
    return _NOT_IN_KEYS.sub("_", text)


def describe(node: Node) -> str:
    """Return the states of a node's runs as text: `Completed`, `1,790 Completed, 3 Failed`."""
    if len(node.states) == 1:
        return node.states[0].name
    return ", ".join(f"{state.runs:,} {state.name}" for state in node.states)


def state_and_time(node: Node) -> str:
    """Return the states of a node's runs and how long they took, as one line."""
    return " · ".join(part for part in (describe(node), duration(node.seconds)) if part)


def _nodes(nodes: tuple[Node, ...], indent: str) -> Iterator[str]:
    for node in nodes:
        texts = [_escaped(text) for text in (node.label, state_and_time(node)) if text]
        style = f":::{node.worst.lower()}" if node.worst else ""
        label = f'{node.key}["{"<br/>".join(texts)}"]'
        if not node.inside:
            yield f"{indent}{label}{style}"
            continue
        yield f"{indent}subgraph {label}"
        yield from _nodes(node.inside, indent + "    ")
        yield f"{indent}end"
        if node.worst:
            yield f"{indent}class {node.key} {node.worst.lower()}"


def _types(nodes: tuple[Node, ...]) -> Iterator[str]:
    for node in nodes:
        if node.worst:
            yield node.worst
        yield from _types(node.inside)


def _escaped(text: str) -> str:
    line = " ".join(clean_text(text).split())
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", line)
