"""There are no blocks here, as `flowstone.blocks` says."""

from __future__ import annotations

from flowstone.face.old_names import stand_ins

__getattr__ = stand_ins(__name__)
