"""The interpreter's switch interval while many threads compute."""

from __future__ import annotations

import sys
import time

import pytest

from flowstone.drive.switching import SWITCHING, Switching


@pytest.fixture
def own():
    """Give the interval of this process, which is what it was again afterwards."""
    end = time.monotonic() + 10
    while SWITCHING._wanted:  # the pool of another test may just have become idle
        assert time.monotonic() < end
        time.sleep(0.001)
    interval = sys.getswitchinterval()
    yield interval
    sys.setswitchinterval(interval)


def test_it_is_longer_the_more_threads_there_are_and_what_it_was_when_they_are_gone(own):
    switching = Switching()
    switching.crowd(1, 2_000)
    assert sys.getswitchinterval() == pytest.approx(0.05)
    switching.crowd(2, 4_000)
    assert sys.getswitchinterval() == pytest.approx(0.1)
    switching.crowd(2, 0)
    assert sys.getswitchinterval() == pytest.approx(0.05)
    switching.crowd(1, 0)
    switching.crowd(1, 0)
    assert sys.getswitchinterval() == own


def test_what_the_program_set_meanwhile_is_kept(own):
    switching = Switching()
    switching.crowd(1, 2_000)
    sys.setswitchinterval(0.2)
    switching.crowd(1, 3_000)
    assert sys.getswitchinterval() == pytest.approx(0.2)
    switching.crowd(1, 0)
    assert sys.getswitchinterval() == pytest.approx(0.2)
