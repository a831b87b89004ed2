"""Asks a server everything that its document allows, and much that it does not.

Schemathesis makes the requests, also chains of them (a run of a list is shown, marked, deleted).
No answer may be a failure of the server, or another than the document says.

    python -m tests.faults.schema_loop --seconds 1200 [--postgres]
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec

from flowstone.store.databases import Database, EmbeddedDatabase, open_database
from tests.postgres import migrated_database, own_server
from tests.server.serving import listening, made_token
from tests.server.stories import mixed

_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
# A stream that does not end; a request that waits; and what would lock the asker out.
_LEFT_OUT = (
    "/api/live",
    "/api/limits/acquire",
    "/api/login",
    "/api/logout",
    "/api/tokens/{token_id}",
)
_TOTAL = re.compile(r"(\d[\d,]*) generated")


class Asked(msgspec.Struct, frozen=True):
    """How many requests there were, whether all answers were right, and what was said of them."""

    cases: int
    is_right: bool
    text: str


def ask(address: str, token: str, seconds: int, phases: str) -> Asked:
    """Ask the server at an address for about so long: two thirds alone, one third in chains."""
    alone = _run(address, token, f"--phases={phases}", f"--max-time={seconds * 2 // 3}")
    chains = ("--phases=stateful", "--mode=positive", f"--max-time={seconds // 3}")
    chained = _run(address, token, *chains)
    return Asked(
        alone.cases + chained.cases,
        alone.is_right and chained.is_right,
        f"{alone.text}\n{chained.text}",
    )


def _run(address: str, token: str, *more: str) -> Asked:
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{address}/api/schema/openapi.json",
        f"--header=Authorization:Bearer {token}",
        f"--checks={','.join(_CHECKS)}",
        "--continue-on-failure",
        "--suppress-health-check=all",
        "--warnings=off",
        "--request-timeout=30",
        "--no-color",
        *(f"--exclude-path={path}" for path in _LEFT_OUT),
        *more,
    ]
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100"},
            capture_output=True,
            text=True,
            check=False,
        )
    text = done.stdout + done.stderr
    cases = sum(int(one.replace(",", "")) for one in _TOTAL.findall(text)[-1:])
    return Asked(cases, done.returncode == 0, text)


def ask_server_over(database: Database, seconds: int, phases: str) -> Asked:
    """Ask a server over a database that has some runs."""
    mixed(database)
    token = made_token(database)  # one that is made on the way would shut everybody else out
    with listening(database) as address:
        return ask(address, token, seconds, phases)


def main() -> int:
    """Ask a server over a database of its own, and print the tally."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=1200)
    parser.add_argument("--phases", default="coverage,fuzzing")
    parser.add_argument("--postgres", action="store_true")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database: Database = EmbeddedDatabase(home)
        if arguments.postgres:
            server = stack.enter_context(own_server())
            database = open_database(home, stack.enter_context(migrated_database(server.url)))
            stack.callback(database.close)
        asked = ask_server_over(database, arguments.seconds, arguments.phases)
    print(asked.text if not asked.is_right else asked.text[-1500:])
    print(f"{asked.cases} cases, {'all answers right' if asked.is_right else 'SOME WRONG'}")
    return 0 if asked.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
