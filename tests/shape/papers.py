"""The rules for what lies in the repository beside code: links that lead somewhere, no paths of
the machine that it was written on."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+\s+(.*?)\s*$", re.MULTILINE)


def tracked_files(root: Path) -> list[Path]:
    """Return the files that are in the repository, or would be with the next commit."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=False,
    )
    if listing.returncode:  # an unpacked sdist
        skip = {".venv", "build", "dist", "node_modules", "__pycache__"}
        return [p for p in root.rglob("*") if p.is_file() and not skip & set(p.parts)]
    paths = [root / name for name in listing.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def machine_paths(root: Path, home: Path) -> list[str]:
    """Return the folders whose names have no business in a file: where this clone lies."""
    shared = {Path("/"), Path(tempfile.gettempdir()), home.parent, Path("/usr"), Path("/opt")}
    folders = [root, home, root.parent]
    return [str(folder) for folder in dict.fromkeys(folders) if folder not in shared]


def path_violations(paths: list[Path], folders: list[str]) -> list[str]:
    """Return the lines that name one of the folders."""
    pattern = re.compile("|".join(rf"(?<![\w.~-]){re.escape(f)}(?![\w.-])" for f in folders))
    found = []
    for path in paths:
        text = path.read_bytes().decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), 1):
            if match := pattern.search(line):
                found.append(f"{path}:{number}: names {match[0]}, a folder of this machine")
    return found


def link_violations(paths: list[Path]) -> list[str]:
    """Return the links of Markdown files that lead to no file, or to no heading of it."""
    found = []
    for path in paths:
        for target in _LINK.findall(_CODE.sub("", path.read_text(encoding="utf-8"))):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            linked = path.parent / name if name else path
            if not linked.exists():
                found.append(f"{path}: links to {target}, and there is no such file")
            elif anchor and linked.suffix == ".md" and anchor not in headings(linked):
                found.append(f"{path}: links to {target}, and there is no such heading")
    return found


def headings(path: Path) -> set[str]:
    """Return the anchors of a Markdown file's headings, as code hosts make them."""
    anchors = set()
    for heading in _HEADING.findall(path.read_text(encoding="utf-8")):
        kept = re.sub(r"[^\w\s-]", "", heading.lower())
        anchors.add(re.sub(r"\s", "-", kept.strip()))
    return anchors
