from __future__ import annotations

import pytest

from flowstone.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner
from tests.face.conftest import home, recorded

RUNNERS = {
    "threads": lambda: ThreadPoolTaskRunner(max_workers=2),
    "processes": lambda: ProcessPoolTaskRunner(max_workers=2),
}


@pytest.fixture(params=RUNNERS)
def runner(request):
    """Give each task runner in turn: what a test asks of one it asks of all."""
    return RUNNERS[request.param]()


__all__ = ["home", "recorded", "runner"]
