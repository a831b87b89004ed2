"""There are no events here: any name can be imported, and says so when it is used."""

from __future__ import annotations

from flowstone.face.old_names import stand_ins

__getattr__ = stand_ins(__name__)
