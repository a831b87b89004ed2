"""A user's project in a folder, whose modules are written, loaded, edited and loaded again."""

from __future__ import annotations

import sys
from importlib import import_module, invalidate_caches
from pathlib import Path
from textwrap import dedent
from types import ModuleType


class Project:
    """Python files in a folder; `load` imports anew whatever was imported of them before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._edits = 0

    def write(self, **sources: str) -> None:
        for name, source in sources.items():
            path = self.folder / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(dedent(source))

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / f"{name}.py"
        source = path.read_text()
        assert old in source
        path.write_text(source.replace(old, new))

    def load(self, name: str) -> ModuleType:
        self.forget()
        return import_module(name)

    def forget(self) -> None:
        invalidate_caches()
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            if file.startswith(str(self.folder)):
                del sys.modules[name]
