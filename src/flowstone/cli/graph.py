"""`flowstone flow-run graph`: a flow run as a picture of what ran and what took whose result."""

from __future__ import annotations

import argparse

from flowstone.cli.command import Arguments, CommandError
from flowstone.cli.home import opened_store
from flowstone.cli.options import add_run
from flowstone.graphs.mermaid import mermaid
from flowstone.graphs.recorded import graph_of
from flowstone.graphs.svg import svg

_FORMATS = {"mermaid": mermaid, "svg": svg}


def declare_graph(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_run(parser, "flow run")
    parser.add_argument(
        "--format",
        choices=sorted(_FORMATS),
        help="default: 'svg' for a FILE that ends in .svg, else 'mermaid'",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where to write it; default: standard output"
    )


def show_graph(arguments: Arguments) -> int:
    """Write the graph of a flow run."""
    path: str | None = arguments.output
    kind = arguments.format or ("svg" if (path or "").lower().endswith(".svg") else "mermaid")
    with opened_store() as store:
        graph = graph_of(store, store.find_flow_run(arguments.run))
    text = _FORMATS[kind](graph).rstrip("\n")
    if path is None:
        print(text)
        return 0
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        message = f"could not write the graph: {error}. -o names the file to write it to."
        raise CommandError(message) from error
    print(path)
    return 0
