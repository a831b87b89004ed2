"""`flowstone concurrency-limit`: limits of tags. A tag's limit is the limit `tag:TAG`."""

from __future__ import annotations

import argparse
from typing import Any

from flowstone.cli.command import Arguments, Command
from flowstone.cli.limits import limit_object, opened_limits, print_limit
from flowstone.cli.options import add_output, count
from flowstone.cli.output import plural, print_json, print_table
from flowstone.cli.table import Column, Row
from flowstone.cli.terminal import printable
from flowstone.drive.limits.definitions import ResettableBook, Usage
from flowstone.drive.limits.tags import PREFIX

_COLUMNS = (
    Column(title="TAG", least=12),
    Column(title="LIMIT", right=True),
    Column(title="IN USE", right=True),
    Column(title="WAITING", right=True, drop=1),
)
_FEW = 15


def _create(arguments: Arguments) -> int:
    with opened_limits() as limits:
        name = PREFIX + arguments.tag
        if any(one.name == name for one in limits.all(name)):
            limits.change(name, limit=arguments.limit)
            done = "Changed"
        else:
            limits.create(name, arguments.limit)
            done = "Created"
    print(f"{done} the limit of tag {printable(arguments.tag)} ({arguments.limit}).")
    return 0


def _ls(arguments: Arguments) -> int:
    with opened_limits() as limits:
        found = limits.all(PREFIX)
        shown = found[arguments.offset :][: arguments.limit or None]
        usages = [limits.usage(one.name) for one in shown]
    if arguments.output == "json":
        print_json([_object(one) for one in usages])
    elif usages:
        print_table(_COLUMNS, [Row(_cells(one)) for one in usages])
        if len(shown) < len(found):
            print(f"{plural(len(found), 'limit')} in all; --limit 0 shows them.")
    else:
        print("No limits of tags. Make one: flowstone concurrency-limit create TAG N")
    return 0


def _inspect(arguments: Arguments) -> int:
    with opened_limits() as limits:
        usage = limits.usage(PREFIX + arguments.tag)
    if arguments.output == "json":
        print_json(_object(usage))
    else:
        print_limit(usage, "Tag", _tag(usage))
    return 0


def _reset(arguments: Arguments) -> int:
    """Say what holds the slots: none is left over that could be freed here; a server ends them."""
    tag, name = printable(arguments.tag), PREFIX + arguments.tag
    with opened_limits() as limits:
        if isinstance(limits, ResettableBook):
            ended = limits.reset(name)
            print(f"Ended {plural(ended, 'lease')} of tag {tag}; what still runs asks anew.")
            return 0
        usage = limits.usage(name)
    if usage.used:
        pids = sorted({str(one.pid or "?") for one in usage.holders})
        print(
            f"{plural(usage.used, 'slot')} of tag {tag} held by living processes "
            f"({', '.join(pids)}); each becomes free when its run ends or its process dies."
        )
    else:
        print(f"No slot of tag {tag} is held.")
    return 0


def _delete(arguments: Arguments) -> int:
    with opened_limits() as limits:
        limits.delete(PREFIX + arguments.tag)
    print(f"Deleted the limit of tag {printable(arguments.tag)}.")
    return 0


def _tag(usage: Usage) -> str:
    return usage.limit.name.removeprefix(PREFIX)


def _cells(usage: Usage) -> tuple[str, ...]:
    return _tag(usage), str(usage.limit.limit), str(usage.used), str(usage.waiting)


def _object(usage: Usage) -> dict[str, Any]:
    return {"tag": _tag(usage), "concurrency_limit": usage.limit.limit, **limit_object(usage)}


def _add_tag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tag", metavar="TAG", help="the tag")


def _add_create(parser: argparse.ArgumentParser) -> None:
    _add_tag(parser)
    parser.add_argument(
        "limit", metavar="LIMIT", type=count, help="how many runs with this tag may run at once"
    )


def _add_ls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit", metavar="N", type=count, default=_FEW, help=f"at most N ({_FEW}; 0: all)"
    )
    parser.add_argument(
        "--offset", metavar="N", type=count, default=0, help="pass over the first N"
    )
    add_output(parser)


def _add_tag_and_output(parser: argparse.ArgumentParser) -> None:
    _add_tag(parser)
    add_output(parser)


COMMANDS: dict[str, Command] = {
    "create": Command(
        "Limit how many runs with a tag may run at once.",
        "flowstone concurrency-limit create db 3",
        _add_create,
        _create,
    ),
    "ls": Command(
        "List the tags that have a limit.", "flowstone concurrency-limit ls", _add_ls, _ls
    ),
    "inspect": Command(
        "Show the limit of a tag and who holds its slots.",
        "flowstone concurrency-limit inspect db",
        _add_tag_and_output,
        _inspect,
    ),
    "reset": Command(
        "Show who holds the slots of a tag; those of dead processes are free already.",
        "flowstone concurrency-limit reset db",
        _add_tag,
        _reset,
    ),
    "delete": Command(
        "Delete the limit of a tag.", "flowstone concurrency-limit delete db", _add_tag, _delete
    ),
}
"""The commands of this family, by their second word."""
