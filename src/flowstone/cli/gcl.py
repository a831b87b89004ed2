"""`flowstone gcl`: global limits made, shown, changed and deleted."""

from __future__ import annotations

import argparse

from flowstone.cli.command import Arguments, Command, CommandError
from flowstone.cli.limits import (
    active_text,
    decay_text,
    level_text,
    limit_object,
    opened_limits,
    print_limit,
)
from flowstone.cli.options import add_output, count
from flowstone.cli.output import print_json, print_table
from flowstone.cli.table import Column, Row
from flowstone.cli.terminal import printable
from flowstone.drive.limits.definitions import Book

_COLUMNS = (
    Column(title="NAME", least=12),
    Column(title="LIMIT", right=True),
    Column(title="IN USE", right=True),
    Column(title="WAITING", right=True, drop=1),
    Column(title="ACTIVE"),
    Column(title="DECAY", right=True, drop=3),
    Column(title="LEVEL", right=True, drop=2),
)


def _create(arguments: Arguments) -> int:
    with opened_limits() as limits:
        made = limits.create(
            arguments.name,
            arguments.limit,
            active=not arguments.disable,
            slot_decay_per_second=arguments.slot_decay_per_second,
        )
        if arguments.active_slots:
            _set_level(limits, made.name, arguments.active_slots)
    print(f"Created limit {printable(made.name)} ({made.limit}).")
    return 0


def _ls(arguments: Arguments) -> int:
    with opened_limits() as limits:
        usages = [limits.usage(one.name) for one in limits.all()]
    if arguments.output == "json":
        print_json([limit_object(one) for one in usages])
    elif usages:
        rows = [
            Row(
                (
                    one.limit.name,
                    str(one.limit.limit),
                    str(one.used),
                    str(one.waiting),
                    active_text(one),
                    decay_text(one),
                    level_text(one),
                )
            )
            for one in usages
        ]
        print_table(_COLUMNS, rows)
    else:
        print("No limits. Make one: flowstone gcl create NAME --limit N")
    return 0


def _inspect(arguments: Arguments) -> int:
    with opened_limits() as limits:
        usage = limits.usage(arguments.name)
    if arguments.output == "json":
        print_json(limit_object(usage))
    else:
        print_limit(usage, "Name", usage.limit.name)
    return 0


def _update(arguments: Arguments) -> int:
    given = {
        "limit": arguments.limit,
        "active": arguments.active,
        "slot_decay_per_second": arguments.slot_decay_per_second,
    }
    if arguments.active_slots is None and all(value is None for value in given.values()):
        message = "nothing to change: give --limit, --enable, --disable, --active-slots, or a decay"
        raise CommandError(message)
    with opened_limits() as limits:
        limits.change(arguments.name, **given)
        if arguments.active_slots is not None:
            _set_level(limits, arguments.name, arguments.active_slots)
    print(f"Updated limit {printable(arguments.name)}.")
    return 0


def _delete(arguments: Arguments) -> int:
    with opened_limits() as limits:
        limits.delete(arguments.name)
    print(f"Deleted limit {printable(arguments.name)}.")
    return 0


def _enable(arguments: Arguments) -> int:
    return _switch(arguments.name, active=True)


def _disable(arguments: Arguments) -> int:
    return _switch(arguments.name, active=False)


def _switch(name: str, *, active: bool) -> int:
    with opened_limits() as limits:
        limits.change(name, active=active)
    print(f"{'Enabled' if active else 'Disabled'} limit {printable(name)}.")
    return 0


def _set_level(limits: Book, name: str, slots: int) -> None:
    """Set how far a rate is used up. Slots that processes hold cannot be set: they are held."""
    usage = limits.usage(name)
    if usage.limit.slot_decay_per_second > 0:
        limits.change(name, level=float(slots))
    elif slots != usage.used:
        message = (
            f"the slots of {printable(name)} are held by processes ({usage.used} now) and become "
            "free when their bodies end or they die; --active-slots is for limits with a decay. "
            f"To see them: flowstone gcl inspect {printable(name)}"
        )
        raise CommandError(message)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the limit")


def _add_name_and_output(parser: argparse.ArgumentParser) -> None:
    _add_name(parser)
    add_output(parser)


def _add_values(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--active-slots", metavar="N", type=count, help="of a limit with a decay: slots used up now"
    )
    parser.add_argument(
        "--slot-decay-per-second",
        metavar="N",
        type=float,
        help="slots that become free each second; makes it usable as a rate",
    )


def _add_create(parser: argparse.ArgumentParser) -> None:
    _add_name(parser)
    parser.add_argument(
        "-l", "--limit", metavar="N", type=count, required=True, help="how many slots there are"
    )
    parser.add_argument("--disable", action="store_true", help="do not enforce it yet")
    _add_values(parser)
    parser.set_defaults(slot_decay_per_second=0.0)


def _add_update(parser: argparse.ArgumentParser) -> None:
    _add_name(parser)
    parser.add_argument("-l", "--limit", metavar="N", type=count, help="how many slots there are")
    ways = parser.add_mutually_exclusive_group()
    for flag, value, text in (
        ("--enable", True, "enforce"),
        ("--disable", False, "do not enforce"),
    ):
        ways.add_argument(flag, dest="active", action="store_const", const=value, help=f"{text} it")
    _add_values(parser)


COMMANDS: dict[str, Command] = {
    "create": Command("Make a limit.", "flowstone gcl create db --limit 3", _add_create, _create),
    "ls": Command("List the limits, and how they are used.", "flowstone gcl ls", add_output, _ls),
    "inspect": Command(
        "Show a limit and who holds its slots.",
        "flowstone gcl inspect db",
        _add_name_and_output,
        _inspect,
    ),
    "update": Command(
        "Change a limit; waiting runs notice within a second.",
        "flowstone gcl update db --limit 5",
        _add_update,
        _update,
    ),
    "enable": Command("Enforce a limit.", "flowstone gcl enable db", _add_name, _enable),
    "disable": Command(
        "Let everybody pass a limit.", "flowstone gcl disable db", _add_name, _disable
    ),
    "delete": Command(
        "Delete a limit; who waits for it goes on.", "flowstone gcl delete db", _add_name, _delete
    ),
}
"""The commands of this family, by their second word."""
