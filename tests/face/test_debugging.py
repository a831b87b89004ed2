from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, threading
from flowstone import flow, task

@task(retries={retries}, log_prints={log_prints})
def look(secret):
    assert threading.current_thread() is threading.main_thread()
    {stop}
    return secret

@flow
def sync_flow():
    return look(4711)

@flow
async def async_flow():
    return look(4711)

print("RESULT", asyncio.run(async_flow()) if {is_async} else sync_flow())
"""

SHAPES = [
    dict(retries=retries, log_prints=log_prints, is_async=is_async)
    for retries in (0, 1)
    for log_prints in (False, True)
    for is_async in (False, True)
]


def run(tmp_path, stop: str, shape: dict, typed: str = "") -> subprocess.CompletedProcess[str]:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(stop=stop, **shape))
    environ = {**os.environ, "FLOWSTONE_HOME": str(tmp_path / "home")}
    return subprocess.run(
        [sys.executable, str(path)],
        input=typed,
        capture_output=True,
        text=True,
        env=environ,
        timeout=20,
        check=False,
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_breakpoint_stops_in_the_users_frame_on_the_main_thread(tmp_path, shape):
    done = run(tmp_path, "breakpoint()", shape, typed="p secret\nw\nc\n")
    shown = done.stdout
    assert "script.py" in shown.split("(Pdb)")[0]
    assert "look()" in shown.split("(Pdb)")[0]
    assert "4711" in shown.split("(Pdb)")[1]
    assert "RESULT 4711" in shown
    assert done.returncode == 0


@pytest.mark.parametrize("shape", SHAPES)
def test_the_console_shows_the_users_frames_and_none_of_ours(tmp_path, shape):
    done = run(tmp_path, "raise ValueError(secret)", shape)
    logged = done.stderr.split("Traceback (most recent call last):")[1]
    first = next(line for line in logged.splitlines() if line.startswith('  File "'))
    assert "script.py" in first
    assert "in look" in first
    assert "flowstone" not in logged.split("ValueError")[0]


@pytest.mark.parametrize("shape", SHAPES[:2])
def test_an_uncaught_error_ends_in_the_users_frame_with_few_of_ours_between(tmp_path, shape):
    done = run(tmp_path, "raise ValueError(secret)", shape)
    last = done.stderr.rsplit("Traceback (most recent call last):", 1)[1]
    files = [line for line in last.splitlines() if line.startswith('  File "')]
    assert "script.py" in files[0]
    assert "in look" in files[-1]
    assert sum("flowstone" in line for line in files) <= 6
