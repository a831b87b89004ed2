"""A flow that dies by SIGKILL in the middle of a transaction; its hooks write into a diary."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from flowstone import flow, task
from flowstone.transactions import get_transaction, transaction


def write(text: str) -> None:
    with open(os.environ["DIARY"], "a", encoding="utf-8") as diary:
        diary.write(f"{text}\n")


@task
def book(what: str) -> None:
    own = get_transaction()
    assert own is not None
    own.set("what", what)
    own.set("seats", [1, 2])


@book.on_rollback
def unbook(its: Any) -> None:
    write(f"unbook {its.get('what')} {its.get('seats')} of {its.get('who')}")


@book.on_rollback
def refund(its: Any) -> None:
    write(f"refund {its.get('what')}")


def fail(its: Any) -> None:
    its.get("handle")


def whole(_its: Any) -> None:
    write("whole")


@flow
def subtrip() -> None:
    book("car")


@flow
def trip(how: str) -> None:
    with transaction():
        book("before")
    with transaction() as outer:
        outer.set("who", "ann")
        outer.stage(None, on_rollback_hooks=[whole])
        book("flight")
        book.submit("hotel").result()
        subtrip()
        outer.set("who", "bob")
        if how == "lambda":
            outer.stage(None, on_rollback_hooks=[lambda _: write("never")])
        if how == "failing":
            outer.set("handle", object())
            outer.stage(None, on_rollback_hooks=[fail])
        if how != "alive":
            os.kill(os.getpid(), signal.SIGKILL)
        print("open", flush=True)
        sys.stdin.readline()


if __name__ == "__main__":
    trip(sys.argv[1])
