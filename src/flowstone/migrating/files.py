"""The programs below a folder, and what becomes of each."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import libcst
import msgspec

from flowstone.migrating.rewriting import Remark, rewrite

_FOREIGN = frozenset({"__pycache__", "build", "dist", "node_modules", "site-packages"})
_PAPERS = re.compile(r"requirements.*\.(txt|in)|pyproject\.toml|setup\.(cfg|py)|environment\.ya?ml")
_NEEDED = re.compile(r"\bprefect(?:[-_](?:dask|ray))?\b")


class Migrated(msgspec.Struct, frozen=True):
    """One file: its source then and now, what is left to do, or why it could not be read."""

    path: str
    before: bytes = b""
    after: bytes = b""
    remarks: list[Remark] = []
    problem: str | None = None

    @property
    def is_changed(self) -> bool:
        """Whether it is to be another one."""
        return self.before != self.after


def migrated(paths: Iterable[str]) -> Iterator[Migrated]:
    """Give each file of these paths, and below them, that has to do with Prefect.

    Raises `FileNotFoundError` for a path that is not there.
    """
    for path in paths:
        place = Path(path)
        if not place.exists():
            raise FileNotFoundError(path)
        for file in [place] if place.is_file() else _below(place):
            found = _looked_at(file)
            if found.is_changed or found.remarks or found.problem:
                yield found


def write(found: Migrated) -> None:
    """Put the new source in place of the old one, whole or not at all. Raises `OSError`."""
    path = os.path.realpath(found.path)
    mode = os.stat(path).st_mode
    handle, beside = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".migrating-")
    try:
        with open(handle, "wb") as file:
            file.write(found.after)
        os.chmod(beside, mode)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _FOREIGN
            and not os.path.exists(os.path.join(place, name, "pyvenv.cfg"))
        )
        for name in sorted(files):
            if name.endswith((".py", ".ipynb")) or _PAPERS.fullmatch(name):
                yield Path(place, name)


def _looked_at(file: Path) -> Migrated:
    path = str(file)
    try:
        before = file.read_bytes()
    except OSError as error:
        return Migrated(path, problem=f"it cannot be read: {error.strerror}")
    if b"prefect" not in before.lower():
        return Migrated(path)
    if file.suffix == ".ipynb":
        remark = Remark(1, "A notebook: rename the imports in its cells by hand.")
        return Migrated(path, remarks=[remark])
    if _PAPERS.fullmatch(file.name) and file.suffix != ".py":
        return Migrated(path, remarks=_needs(before))
    try:
        done = rewrite(before)
    except libcst.ParserSyntaxError as error:
        where = f"line {error.raw_line}, column {error.raw_column + 1}"
        return Migrated(path, problem=f"it is no Python that can be read: {where}")
    except (UnicodeDecodeError, LookupError) as error:
        return Migrated(path, problem=f"its text cannot be decoded: {error}")
    return Migrated(path, before, done.source, done.remarks)


def _needs(before: bytes) -> list[Remark]:
    """Return the lines of a list of requirements that name Prefect."""
    lines = enumerate(before.decode(errors="replace").splitlines(), 1)
    return [
        Remark(number, f"{line.strip()!r} asks for Prefect; ask for flowstone.")
        for number, line in lines
        if _NEEDED.search(line)
    ]
