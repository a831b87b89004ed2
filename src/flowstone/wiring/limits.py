"""Which limits the runs of a process have: those of a home, or those of a server."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from flowstone.settings import Settings

if TYPE_CHECKING:
    from flowstone.drive.limits.local import LocalLimits
    from flowstone.drive.limits.remote import RemoteLimits


def limits_of(settings: Settings, directory: str) -> LocalLimits | RemoteLimits:
    """Return the limits of the server that the settings name, else those in a directory."""
    api = settings.api
    if api.url is None:  # by name, both: few runs have limits
        local: LocalLimits = import_module("flowstone.drive.limits.local").local_limits(directory)
        return local
    remote = import_module("flowstone.drive.limits.remote")
    server = remote.Server(
        url=api.url,
        key=api.key,
        cert_file=api.ssl_cert_file,
        lets_pass=settings.limits.when_away == "run",
    )
    found: RemoteLimits = remote.remote_limits(server)
    return found
