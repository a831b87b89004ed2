"""The figures of the comparison, judged by their budgets, and printed."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rows import ALONE, BASE, GROWN, HELD, ROWS, Row
from sides import Sides


def figures(sides: Sides, names: Iterable[str], wrong: dict[str, str]) -> list[dict[str, Any]]:
    """Return the rows of the table."""
    ours, peer = sides.ours.seconds, sides.peer
    rows = []
    for name in names:
        row, own = ROWS[name], statistics.median(ours[name])
        bases = sides.executor.seconds[name] or ours["base"]
        base = statistics.median(bases) if row.of_base else None
        theirs = median_of(peer.served.seconds[row.of_row or name]) if peer else None
        rows.append(figure(name, row, own, theirs, base, wrong.get(name)))
        if name == "hello" and peer:
            theirs = median_of(peer.alone.seconds["hello"])
            problem = wrong.get("hello") or wrong.get("alone")
            rows.append(figure("alone", ALONE, own, theirs, None, problem))
    return rows


def figure(
    name: str, row: Row, own: float, theirs: float | None, base: float | None, wrong: str | None
) -> dict[str, Any]:
    """Return one row of the table; without ratios where something was wrong."""
    of_prefect = own / theirs if theirs and not wrong else None
    of_base = own / base if base and not wrong else None
    return {
        "row": name,
        **asdict(row),
        "ours_seconds": own,
        "prefect_seconds": theirs,
        "base_seconds": base,
        "ratio_to_prefect": of_prefect,
        "ratio_to_base": of_base,
        "met": is_met(row, of_prefect, of_base),
        "wrong": wrong,
    }


def median_of(seconds: list[float]) -> float | None:
    """Return the median, or None where nothing was measured."""
    return statistics.median(seconds) if seconds else None


def is_met(row: Row, of_prefect: float | None, of_base: float | None) -> bool | None:
    """Return whether the ratios that are known keep the budget; None if none is known."""
    pairs = [(row.of_prefect, of_prefect), (row.of_base, of_base)]
    known = [(limit, ratio) for limit, ratio in pairs if limit is not None and ratio is not None]
    return all(ratio <= limit for limit, ratio in known) if known else None


def memory_figures(sides: Sides) -> dict[str, Any]:
    """Return what each run of the long map took, in bytes, and whether that is allowed."""
    seen = sides.ours.figures
    if not seen:
        return {}
    held, grown = statistics.median(seen["held"]), statistics.median(seen["grown"])
    return {"held": held, "grown": grown, "met": held <= HELD and grown <= GROWN}


def print_figures(known: dict[str, Any]) -> None:
    """Print what was measured, and whether all calls were found in the stores."""
    peer = f" against Prefect {known['prefect']}" if known["prefect"] else ""
    how = "a tenth of the calls in few rounds" if known["is_quick"] else "medians"
    print(f"Flowstone{peer}, Python {known['python']}, {how}; {known['platform']}\n")
    print_table(known["rows"])
    if memory := known["memory"]:
        print(
            f"\nMemory of the long map: {memory['held']:,.0f} bytes a future that is held (budget "
            f"{HELD:,}), {memory['grown']:+,.0f} at the second map (budget {GROWN}): "
            f"{verdict(memory['met'])}"
        )
    made = ", ".join(f"{count:,} ({side})" for side, count in known["calls_made"].items())
    differing = [row["row"] for row in known["rows"] if row["wrong"]]
    answer = f"NOT in {', '.join(differing)}" if differing else "all of them, all results right"
    print(f"\nCalls made: {made}; found in the stores: {answer}")


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table, and what their bases are."""
    print(f"{'':35}{'ours':>9}{'Prefect':>10}{'ratio':>8}{'x base':>8}  budget")
    for row in rows:
        theirs = seconds_text(row["prefect_seconds"])
        ratio = fraction(row["ratio_to_prefect"])
        of_base = f"{row['ratio_to_base']:.2f}" if row["ratio_to_base"] else ""
        allowed = [fraction(row["of_prefect"])] if row["of_prefect"] else []
        allowed += [f"{row['of_base']:g} x {row['base']}"] if row["of_base"] else []
        print(
            f"{row['title']:35}{seconds_text(row['ours_seconds']):>9}{theirs:>10}{ratio:>8}"
            f"{of_base:>8}  {', '.join(allowed)}: {verdict(row['met'])}"
        )
        if row["wrong"]:
            print(f"{'':35}no ratio: {row['wrong']}")
    bases = {row["base"]: row["base_seconds"] for row in rows if row["base_seconds"]}
    if "base" in bases:
        print(f"base = {seconds_text(bases['base'])}: python -c {BASE!r}")
    bare = [seconds_text(row["base_seconds"]) for row in rows if row["base"] == "executor"]
    if bare:
        print(f"executor = {', '.join(bare)}: the same with a bare ThreadPoolExecutor")


def verdict(met: bool | None) -> str:  # noqa: FBT001  a cell of the table
    """Return what the table says of a budget."""
    return {True: "met", False: "NOT MET", None: "not judged"}[met]


def fraction(ratio: float | None) -> str:
    """Write a ratio below one as 1/n."""
    return f"1/{1 / ratio:.0f}" if ratio else ""


def seconds_text(seconds: float | None) -> str:
    """Write a time in the unit that suits it."""
    if seconds is None:
        return ""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
