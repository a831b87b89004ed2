"""Run three of the examples under Prefect, with their imports changed, and keep what they print.

To be run after a change of theirs, with a Python that has Prefect, such as `make bench` installs:

    python examples/expected/remake.py build/prefect-venv/bin/python
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
PROGRAMS = ("pipeline", "scraper", "training")
CHECKSUMS = HERE / "checksums.txt"


def as_prefect(program: str) -> str:
    """Return the text of a program as it was written for Prefect."""
    return (
        (HERE.parent / f"{program}.py").read_text(encoding="utf-8").replace("flowstone", "prefect")
    )


def checksum(program: str) -> str:
    """Return the line that says of which program the kept output is, comments left out."""
    text = re.sub("  # .*", "", as_prefect(program))
    return f"{hashlib.sha256(text.encode()).hexdigest()}  {program}.py"


def main() -> None:
    """Run the programs, each as a process of its own, in a new home of Prefect."""
    python = Path(sys.argv[1]).absolute()
    with TemporaryDirectory() as folder:
        environ = {name: value for name, value in os.environ.items() if "PREFECT_" not in name}
        environ["PREFECT_HOME"] = folder
        environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "90"
        limit = [str(python.with_name("prefect")), *"gcl create trainer --limit 2".split()]
        subprocess.run(limit, env=environ, check=True)  # noqa: S603  what the caller named
        for program in PROGRAMS:
            script = Path(folder) / f"{program}.py"
            script.write_text(as_prefect(program), encoding="utf-8")
            command = [str(python), str(script)]
            printed = subprocess.check_output(command, env=environ)  # noqa: S603  as above
            (HERE / f"{program}.txt").write_bytes(printed)
    CHECKSUMS.write_text("".join(f"{checksum(program)}\n" for program in PROGRAMS))


if __name__ == "__main__":
    main()
