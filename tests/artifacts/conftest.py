from __future__ import annotations

from tests.face.conftest import home, recorded

__all__ = ["home", "recorded"]
