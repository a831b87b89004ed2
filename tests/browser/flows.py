"""Flows that leave runs for the page to show: `python flows.py NAME …` runs them, one by one."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from flowstone import flow, get_run_logger, tags, task, track
from flowstone.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
)
from flowstone.cache_policies import INPUTS
from flowstone.variables import Variable

EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"
"""What a page must show as the text that it is."""
AWAY = "[x](javascript:alert(3)) ![picture](https://elsewhere.example/picture.png)"
TURNS = 1200
"""How often a flow that waits looks for what it waits for: a minute, so none outlives its test."""


@task(task_run_name="load-{row}", tags=["rows"])
def load(row: int) -> int:
    get_run_logger().info("Loaded row %s", row)
    return row


@task(cache_policy=INPUTS, persist_result=True)
def parse(row: int) -> int:
    if row == 3:
        get_run_logger().warning("Row 3 is odd")
    return row * row


@task(retries=1)
def fragile(attempts: list[int]) -> int:
    attempts.append(1)
    if len(attempts) == 1:
        raise ConnectionError("the first time it fails")
    return len(attempts)


@flow(flow_run_name="publish-{day}")
def publish(day: str) -> str:
    get_run_logger().info("Published %s", day)
    return day


@flow(flow_run_name="nightly-{day}")
def nightly(day: str = "2026-01-31", limits: dict[str, Any] | None = None) -> int:
    """Load, parse and publish the rows of a day."""
    with tags("nightly"):
        squares = parse.map(load.map(range(12)))
        total = sum(squares.result())
        fragile([])
    publish(day)
    create_table_artifact([{"day": day, "total": total}], key="totals", description="Of the day")
    create_markdown_artifact(f"# Totals\n\nThe **sum** is {total}.", key="notes")
    create_link_artifact("https://example.org/report", "The report", key="report")
    create_image_artifact("https://example.org/picture.png", key="picture")
    create_progress_artifact(75.0, key="done")
    Variable.set("region", {"name": "north"}, overwrite=True)
    return total


@task(task_run_name="check-{row}")
def check(row: int) -> int:
    if row % 3 == 2:
        raise ValueError(f"row {row} has no price")
    return row


@flow(flow_run_name="broken-run")
def broken(rows: int = 6) -> None:
    for state in [check.submit(row) for row in range(rows)]:
        state.result()


@task(task_run_name=EVIL, tags=[EVIL])
def hostile_task(text: str) -> None:
    get_run_logger().error("a line with %s", text)
    raise ValueError(text)


@flow(flow_run_name=f"hostile {EVIL}", description=EVIL)
def hostile(text: str = EVIL) -> None:
    """Put markup wherever a run can put text."""
    with tags(EVIL):
        create_markdown_artifact(f"# Title\n\n{text}\n\n{AWAY}", key="evil-notes")
        create_table_artifact([{text: text}], key="evil-table", description=text)
        create_link_artifact("javascript:alert(4)", text, key="evil-link", description=text)
        create_image_artifact("javascript:alert(5)", key="evil-image", description=text)
        Variable.set("evil", {text: text}, tags=[text], overwrite=True)
        for _ in track([1, 2], description=text):
            pass
        hostile_task(text)


@flow(flow_run_name="{name}")
def quick(name: str) -> str:
    print(f"quick is over: {name}")
    return name


@flow(flow_run_name="{name}")
def failing(name: str) -> None:
    raise ValueError("the price is missing")


@flow(flow_run_name="crashed-run")
def crashing() -> None:
    load(1)
    os.kill(os.getpid(), signal.SIGKILL)


@task
def look(turn: int) -> None:
    get_run_logger().info("Still waiting, turn %s", turn)


@flow(flow_run_name="waiting-{name}")
def waiting(name: str, file: str) -> None:
    """Wait until there is a file."""
    for turn in track(range(TURNS), description="Waiting"):
        if Path(file).exists():
            break
        if turn % 20 == 0:
            look(turn)
        time.sleep(0.05)


@task(task_run_name="{name}-{number}")
def held(name: str, number: int, file: str) -> None:
    while not Path(file).exists():
        time.sleep(0.5)


@flow(flow_run_name="crowd-{name}")
def crowd(name: str, count: str, file: str) -> None:
    """Have task runs of which none ends by itself before there is a file."""
    held.map(name, range(int(count)), file).wait()


@flow(flow_run_name="unready")
def unready() -> None:
    load.submit(check.submit(8)).wait()


@flow
def noting(key: str, text: str) -> None:
    create_markdown_artifact(text, key=key)


@flow(flow_run_name="{name}-{turn}")
def one_of_many(name: str, turn: int) -> int:
    return turn


def many(name: str, count: str) -> None:
    """Run a flow again and again."""
    for turn in range(int(count)):
        one_of_many(name, turn)


def run(words: list[str]) -> None:
    """Run flows by their names; a name's arguments follow it behind colons."""
    for word in words:
        name, *arguments = word.split(":")
        if name == "many":
            many(*arguments)
            continue
        chosen = {
            "nightly": nightly,
            "broken": broken,
            "hostile": hostile,
            "quick": quick,
            "failing": failing,
            "crashing": crashing,
            "waiting": waiting,
            "crowd": crowd,
            "noting": noting,
            "unready": unready,
        }[name]
        chosen(*arguments, return_state=True)


if __name__ == "__main__":
    run(sys.argv[1:])
