"""Draws a flow that is not run: its function is called, and the calls of its tasks are noted."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from flowstone.core.plain import clean_text
from flowstone.drive.coroutines import RUN_OUT, arun_out, run_out
from flowstone.exceptions import VisualizationUnsupportedError
from flowstone.face.declaring import Declaration, drawing
from flowstone.graphs.graph import Graph, Node
from flowstone.graphs.mermaid import mermaid, mermaid_key
from flowstone.graphs.svg import svg

_HINT = (
    "While a flow is drawn its tasks do not run, and each call gives a placeholder. Where the flow "
    "looks into the result, give the task one to draw with: @task(viz_return_value=[1, 2, 3])."
)


class Placeholder:
    """Stands for the result of a task or flow that did not run."""

    __slots__ = ("_of",)

    def __init__(self, of: str) -> None:
        self._of = of

    def __repr__(self) -> str:
        return f"<result of {self._of}, which did not run>"


class Sketch:
    """The calls of one flow, as nodes and edges."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._edges: dict[tuple[str, str], None] = {}
        self._counts: dict[str, int] = {}
        # With the value itself, so that its id stays its own.
        self._results: dict[int, tuple[str, Any]] = {}

    def call(
        self,
        spec: Declaration[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        wait_for: Any,
    ) -> Any:
        """Note a call and return what stands for its result; for an async function, awaitable."""
        spec.binding.check(args, kwargs)
        node = self._node(spec.name)
        for source in self._sources((args, kwargs, wait_for)):
            self._edges[source, node.key] = None
        result = getattr(spec, "viz_return_value", None)
        if result is None:
            result = Placeholder(node.label)
        if not _is_everywhere(result):
            self._results[id(result)] = node.key, result
        if not spec.isasync:
            return result
        return _each(result) if spec.isgenerator else _later(result)

    def refuse(self, verb: str) -> None:
        """Raise `VisualizationUnsupportedError` for a way to call that is not drawn."""
        message = (
            f"`task.{verb}()` cannot be drawn by `flow.visualize()`: only calls are. Run the flow, "
            "and draw what ran: flowstone flow-run graph RUN --format svg -o FILE."
        )
        raise VisualizationUnsupportedError(message)

    def graph(self, title: str) -> Graph:
        """Return what was noted so far."""
        return Graph(title, tuple(self._nodes.values()), tuple(self._edges))

    def _node(self, name: str) -> Node:
        number = self._counts.get(name, 0)
        self._counts[name] = number + 1
        label = f"{clean_text(name)}-{number}"
        key = mermaid_key(label)
        while key in self._nodes:  # of another name that differs by what a key cannot have
            key += "_"
        node = self._nodes[key] = Node(key=key, label=label)
        return node

    def _sources(self, value: Any) -> Iterator[str]:
        """Give the nodes whose results are in a value, in containers too, in order."""
        seen: set[int] = set()
        todo = [value]
        while todo:
            one = todo.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            if id(one) in self._results:
                yield self._results[id(one)][0]
            elif isinstance(one, Mapping):
                todo += reversed([*one.keys(), *one.values()])
            elif isinstance(one, (list, tuple, set, frozenset)):
                todo += reversed([*one])


class Picture:
    """A drawn flow, as notebooks show it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def _repr_svg_(self) -> str:
        return svg(self._graph)


def sketch(flow: Declaration[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Graph:
    """Return the graph of a flow's calls; an async flow runs on a loop of its own."""
    flow.binding.check(args, kwargs)
    with _drawn() as drawn:
        value = flow.fn(*args, **kwargs)
        if type(value) in RUN_OUT:
            run_out(value)
    return drawn.graph(flow.name)


async def asketch(
    flow: Declaration[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Graph:
    """Return the graph of a flow's calls; an async flow runs on the running loop."""
    flow.binding.check(args, kwargs)
    with _drawn() as drawn:
        await arun_out(flow.fn(*args, **kwargs))
    return drawn.graph(flow.name)


def visualize(flow: Declaration[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Show the graph of a flow's calls: in a notebook there, else as an SVG file."""
    _warn("visualize")
    _show(sketch(flow, args, kwargs))


async def avisualize(
    flow: Declaration[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Do what `visualize` does, on the running loop."""
    _warn("avisualize")
    _show(await asketch(flow, args, kwargs))


def generate(flow: Declaration[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """Return the graph of a flow's calls as Mermaid text."""
    _warn("generate_mermaid_graph")
    return mermaid(sketch(flow, args, kwargs))


async def agenerate(
    flow: Declaration[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> str:
    """Do what `generate` does, on the running loop."""
    _warn("agenerate_mermaid_graph")
    return mermaid(await asketch(flow, args, kwargs))


@contextmanager
def _drawn() -> Iterator[Sketch]:
    """Let tasks and flows that the block calls be noted; say what may be wrong with an error."""
    before, one = drawing.get(), Sketch()
    drawing.set(one)
    try:
        yield one
    except VisualizationUnsupportedError:
        raise
    except Exception as error:
        error.add_note(_HINT)
        raise
    finally:
        drawing.set(before)


def _warn(method: str) -> None:
    # Its callers: `visualize` here, the method of `Flow`, the user's code.
    warnings.warn(
        f"`flow.{method}()` calls the flow's function: its tasks do not run, but the code around "
        "them does.",
        stacklevel=4,
    )


def _show(graph: Graph) -> None:
    if _is_notebook():
        import_module("IPython.display").display(Picture(graph))
        return
    path = os.path.abspath(f"{clean_text(graph.title)}.svg")
    with open(path, "w", encoding="utf-8") as file:
        file.write(svg(graph))
    print(path)  # noqa: T201  whoever calls it looks for the picture


def _is_notebook() -> bool:
    """Whether this process shows pictures: IPython with a kernel, not in a terminal."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


async def _later(result: Any) -> Any:
    return result


async def _each(result: Any) -> AsyncIterator[Any]:
    for one in result:
        yield one


def _is_everywhere(value: Any) -> bool:
    """Whether equal values are one object all over a program, so that it tells nothing."""
    match value:
        case None | bool():
            return True
        case int():
            return -5 <= value <= 256
        case str() | bytes():
            return len(value) < 2
        case tuple() | frozenset():
            return not value
        case _:
            return False
