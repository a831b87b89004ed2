from __future__ import annotations

import os
import signal
import sys

import pytest

from flowstone.runners import ray as ray_runner
from flowstone.runners.ray import process_left_as_it_is


def test_beginning_ray_changes_neither_breakpoints_nor_who_hears_sigterm(monkeypatch):
    monkeypatch.delenv("PYTHONBREAKPOINT", raising=False)
    before = signal.getsignal(signal.SIGTERM)
    with process_left_as_it_is():
        os.environ["PYTHONBREAKPOINT"] = "ray.util.pdb.set_trace"
        signal.signal(signal.SIGTERM, lambda *_: None)
    assert "PYTHONBREAKPOINT" not in os.environ
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("options", "line"),
    [({}, "Starting Ray"), ({"address": "ray://10.0.0.1"}, "Connecting to Ray at ray://10.0.0.1")],
)
def test_what_is_begun_is_said_before_ray_is_loaded(monkeypatch, options, line):
    said = []

    def load(_name):
        assert said == [line]
        raise ImportError

    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setattr(ray_runner, "import_module", load)
    monkeypatch.setattr(ray_runner._logger, "info", said.append)
    with pytest.raises(ImportError):
        ray_runner.opened(options, lambda *_: None)
