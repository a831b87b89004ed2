"""Writes what was measured into the documentation: `docs/performance.md` and the README's table.

    python benchmarks/report.py --measure            # all of it, half an hour
    python benchmarks/report.py --measure runners    # one measurement anew
    python benchmarks/report.py                      # from the figures in build/
    python benchmarks/report.py --kept               # from benchmarks/figures.json
    python benchmarks/report.py --check              # whether the files are those of the figures

The figures go into `benchmarks/figures.json`; every sentence with a number in it is made of them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from judged import Line, lines, times
from measurements import COMMANDS, ROOT, joined, measure
from picture import picture

from table import fraction, seconds_text

KEPT = ROOT / "benchmarks" / "figures.json"
README = ROOT / "README.md"
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "performance.svg"
BETWEEN = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)
IN_SHORT = {
    "direct": "a call of a task that does nothing",
    "sequence": "the same, awaited",
    "submit": "`submit` many, then all results, each",
    "map": "`map` over 2,000, each",
    "hello": "`python hello.py`",
    "import": "`from … import flow, task`",
    "ls": "`flow-run ls`, 100 runs",
}
_SHARED = "driver and scheduler compute on the same two processors, as the bare engine's do"
WHY = {
    "`from flowstone import flow, task`": (
        "most of it is Python's own start with `msgspec`, see *base*"
    ),
    "disk of each of 10 million task runs in Postgres, with all that belongs to them": (
        "a row has 28 bytes of Postgres's own, and each of its indexes repeats the run's id"
    ),
    "collecting those that have an input and a log line each": (
        "most of it are SQLite's own inserts of three rows and their indexes"
    ),
    "Ray: no-op, all submitted at once": (
        "states, logs and the run's context are made and sent for a body that does nothing"
    ),
    "Ray: no-op, submit and result in turn": "as above",
    "Dask: two workers that compute, to one": _SHARED,
    "Ray: two workers that compute, to one": _SHARED,
}
"""Why a budget is not met, shown only where it is not."""


TEXT = """\
# Performance

What a run costs is part of what Flowstone promises. Where there is somebody to compare with, the budget is a ratio: both sides of it come from one run on one machine. Figures are medians.

{where}

{verdict}

![Each ratio and its budget](images/performance.svg)

{table}

{reasons}*base* is `python -c "import msgspec, logging, dataclasses"`: what a process costs before anything of ours. *executor* is a bare `ThreadPoolExecutor`, *joblib* its `Memory`, *the process pool* a bare `ProcessPoolExecutor`. Prefect's side runs the same source in an environment of its own, its server up, and the task runs in both stores are counted before a ratio is given.

## To measure it again

On a machine that has nothing else to do:

```sh
make performance
```

It takes the measurements one after the other and writes this page, its picture and the table of the README. One of them alone:

```sh
.venv/bin/python benchmarks/report.py --measure runners
```

{commands}

The questions need the history that `benchmarks/make_history.py` makes, the page needs Chromium. How each is measured is told in `benchmarks/README.md`.
"""  # noqa: E501  a paragraph is a line


def texts(known: dict[str, Any]) -> dict[Path, str]:
    """Return the text of each file that is made of the figures."""
    judged = list(lines(known))
    readme = BETWEEN.sub(lambda _: in_short(known), README.read_text())
    return {README: readme, PAGE: page(known, judged), PICTURE: picture(judged)}


def page(known: dict[str, Any], judged: list[Line]) -> str:
    """Return the page of all budgets."""
    return TEXT.format(
        where=_where(known),
        verdict=_verdict(judged),
        table=_table(judged),
        reasons=_reasons(judged),
        commands=_commands(known),
    )


def _where(known: dict[str, Any]) -> str:
    machine, figures = known["machine"], known["figures"]
    peers = [("Prefect", "overhead", "prefect"), ("joblib", "cache", "joblib")]
    versions = [
        f"{peer} {figures[name][key]}"
        for peer, name, key in peers
        if figures.get(name, {}).get(key)
    ]
    beside = f", beside {' and '.join(versions)}" if versions else ""
    is_quick = figures.get("overhead", {}).get("is_quick")
    short = (
        " The calls are of a short run, a smoke test rather than a measurement." if is_quick else ""
    )
    return (
        f"Taken on {machine['processors']} processors ({machine['system']}) with Python "
        f"{machine['python']}{beside}.{short}"
    )


def _verdict(judged: list[Line]) -> str:
    counts = {
        answer: sum(line.is_met is answer for line in judged) for answer in (True, False, None)
    }
    said = [f"**{counts[True]} of {len(judged)} budgets are met**"]
    said += [f"{counts[False]} not"] if counts[False] else []
    said += [f"{counts[None]} were not measured"] if counts[None] else []
    return ", ".join(said) + "."


def _table(judged: list[Line]) -> str:
    head = ["| what | Flowstone | peer | ratio | budget | |", "|---|--:|--:|--:|--:|---|"]
    answers = {True: "met", False: "**not met**", None: "not measured"}
    rows = [
        (
            line.what,
            line.ours,
            line.theirs,
            times(line.ratio) if line.ratio else "",
            line.budget,
            answers[line.is_met],
        )
        for line in judged
    ]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def _reasons(judged: list[Line]) -> str:
    missed = [line for line in judged if line.is_met is False and line.what in WHY]
    rows = [f"- {line.what} ({line.budget}): {WHY[line.what]}\n" for line in missed]
    return f"Why not:\n\n{''.join(rows)}\n" if rows else ""


def _commands(known: dict[str, Any]) -> str:
    head = ["| measurement | command | taken (UTC) |", "|---|---|---|"]
    rows = [
        f"| {name} | `.venv/bin/python {command}` | {known['taken'].get(name, 'not yet')} |"
        for name, command in COMMANDS.items()
    ]
    return "\n".join([*head, *rows])


def in_short(known: dict[str, Any]) -> str:
    """Return the README's part: the comparison with Prefect."""
    overhead, cache = (known["figures"].get(name) for name in ("overhead", "cache"))
    if not overhead or not overhead["prefect"]:
        return "Not measured yet: `make performance`.\n"
    rows = [
        _short_row(IN_SHORT[row["row"]], row["ours_seconds"], row["prefect_seconds"])
        for row in overhead["rows"]
        if row["row"] in IN_SHORT
    ]
    hits = [row for row in cache["calls"] if row["row"] == "hit 1024"] if cache else []
    rows += [
        _short_row(
            "a cached result of 1 KiB, read from its file",
            row["ours_seconds"],
            row["prefect_seconds"],
        )
        for row in hits
    ]
    base = next(row["base_seconds"] for row in overhead["rows"] if row["row"] == "import")
    machine = known["machine"]
    head = (
        f"Beside Prefect {overhead['prefect']} with its server up, on {machine['processors']} "
        f"processors, Python {machine['python']}; medians of one run, which counts the task runs "
        "in both stores before it prints a ratio:\n\n| | Flowstone | Prefect | |\n|---|--:|--:|--:|"
    )
    foot = (
        f"\nPython itself with `msgspec` and `logging` takes {seconds_text(base)} of the start. "
        "All budgets, and the command that measures each, are in "
        "[performance](docs/performance.md).\n"
    )
    return "\n".join([head, *rows, foot])


def _short_row(title: str, ours: float, theirs: float) -> str:
    ratio = fraction(ours / theirs)
    return f"| {title} | {seconds_text(ours)} | {seconds_text(theirs)} | {ratio} |"


def main() -> int:
    """Measure if asked to, and write the pages; 1 where they differ from what was to be checked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--measure", nargs="*", choices=COMMANDS, help="all, or these, first")
    parser.add_argument("--kept", action="store_true", help="take the figures that are kept")
    parser.add_argument("--check", action="store_true", help="of those; write nothing")
    options = parser.parse_args()
    if options.measure is not None:
        measure(options.measure or list(COMMANDS))
    if not (options.kept or options.check):
        known = joined(json.loads(KEPT.read_text()))
        KEPT.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    made = texts(json.loads(KEPT.read_text()))
    changed = [path for path, text in made.items() if path.read_text() != text]
    for path in changed:
        if not options.check:
            path.write_text(made[path])
        print(f"{path.relative_to(ROOT)} {'differs' if options.check else 'written'}")
    return int(options.check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
