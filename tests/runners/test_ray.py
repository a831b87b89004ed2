from __future__ import annotations

import os
import signal

from flowstone.runners.ray import process_left_as_it_is


def test_beginning_ray_changes_neither_breakpoints_nor_who_hears_sigterm(monkeypatch):
    monkeypatch.delenv("PYTHONBREAKPOINT", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    with process_left_as_it_is():
        os.environ["PYTHONBREAKPOINT"] = "ray.util.pdb.set_trace"
        signal.signal(signal.SIGTERM, lambda *_: None)
    assert "PYTHONBREAKPOINT" not in os.environ
    assert signal.getsignal(signal.SIGTERM) is before
