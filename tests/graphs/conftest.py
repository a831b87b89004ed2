from __future__ import annotations

from tests.face.conftest import home

__all__ = ["home"]
