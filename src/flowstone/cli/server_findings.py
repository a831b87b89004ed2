"""What `flowstone doctor` finds of the server that the settings name."""

from __future__ import annotations

import ssl
import time
import urllib.error
from collections.abc import Iterator
from typing import Any

from flowstone.cli.asking import Refused, asked
from flowstone.cli.finding import Finding
from flowstone.cli.moments import SECOND, parse_moment
from flowstone.settings.declared import ApiSettings
from flowstone.version import __version__

_SKEW_SECONDS = 5.0
_START = "Start it (flowstone server start), or unset FLOWSTONE_API_URL to use the home alone."
_TRUST = "Name a file with the certificate that signed it: FLOWSTONE_API_SSL_CERT_FILE."
_HOW_TO_GET_IN = (
    "Set FLOWSTONE_API_KEY to a token of that server; on its machine: "
    "flowstone token create --scope run."
)


def server_findings(api: ApiSettings) -> Iterator[Finding]:
    """Give whether the server answers, knows the token, and has the same time and version."""
    try:
        _check(_ask(api, "health"))
        session = _ask(api, "session")
        before = time.time_ns()
        version = _ask(api, "version")
        after = time.time_ns()
    except Refused as error:
        yield _refused(api, error)
    except (OSError, ValueError) as error:
        yield _unreachable(api, error)
    else:
        yield _reached(api, session, version)
        yield from _clock(version, before, after)


def _check(health: Any) -> None:
    if health != {"status": "ok"}:
        raise ValueError(health)


def _ask(api: ApiSettings, path: str) -> Any:
    return asked(str(api.url), path, key=api.key, trusted=api.ssl_cert_file)


def _reached(api: ApiSettings, session: Any, version: Any) -> Finding:
    who = f"token {session['name']!r}, scope {session['scope']}"
    who = who if session["via"] == "token" else "no token needed"
    text = f"{api.url} answers: Flowstone {version['flowstone']}, {version['database']}; {who}"
    if session["scope"] == "read":
        advice = "It cannot report runs with that. " + _HOW_TO_GET_IN
        return Finding("server", "warning", text, advice)
    if version["flowstone"] != __version__:
        text += f"; this is {__version__}, and each understands the other"
    return Finding("server", "ok", text)


def _refused(api: ApiSettings, error: Refused) -> Finding:
    if error.status in (401, 403, 429):
        text = f"{api.url} does not let this process in: {error}"
        return Finding("server", "problem", text, _HOW_TO_GET_IN)
    return Finding("server", "problem", f"{api.url} answers with {error.status}: {error}")


def _unreachable(api: ApiSettings, error: Exception) -> Finding:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        text = f"the certificate of {api.url} is not trusted: {reason.verify_message}"
        return Finding("server", "problem", text, _TRUST)
    if isinstance(error, ValueError):
        text = f"what answers at {api.url} is no Flowstone server"
        return Finding("server", "problem", text, "Correct FLOWSTONE_API_URL.")
    return Finding("server", "problem", f"nothing answers at {api.url}: {reason}", _START)


def _clock(version: Any, before: int, after: int) -> Iterator[Finding]:
    """Compare the server's time with that of this machine when it was asked."""
    there = parse_moment(version["time"], now=before)
    ahead = max(there - after, before - there, 0) / SECOND
    if ahead > _SKEW_SECONDS:
        text = f"this machine and the server differ by {ahead:.0f} s"
        yield Finding("server", "warning", text, "Set the clock; runs are shown by their times.")
