"""How workers begin and end with the programs that they work for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tests.runners import bodies
from tests.runners.test_contract import wait_for_file, within
from tests.runners.test_processes import lives, pool, wait_until

SCRIPT = """
from contextvars import ContextVar
from flowstone import flow, task
from flowstone.task_runners import ProcessPoolTaskRunner

FACTOR = 3
WORD = ContextVar("WORD", default="none")

class Own:
    def __init__(self, value):
        self.value = value

class OwnError(Exception):
    pass

@task
def triples(own):
    assert isinstance(own, Own)
    if own.value > 10:
        raise OwnError(own.value)
    return Own(FACTOR * own.value), WORD.get()

@task
def again(n):
    return 0 if n == 0 else again(n - 1) + 1

@flow(task_runner=ProcessPoolTaskRunner(max_workers=2, context_variables=[WORD]))
def main():
    WORD.set("there")
    own, word = triples.submit(Own(2)).result()
    assert isinstance(own, Own), own
    assert (own.value, word) == (6, "there")
    assert again.submit(3).result() == 3
    try:
        triples.submit(Own(11)).result()
    except OwnError as error:
        assert error.args == (11,)
        print("all well")

main()
"""


def run_python(arguments, home, **options):
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "FLOWSTONE_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
        **options,
    )


@pytest.mark.parametrize("how", ["file", "text", "input"])
def test_a_script_needs_no_guard_and_gets_its_own_classes_back(tmp_path, how):
    file = tmp_path / "script.py"
    file.write_text(SCRIPT)
    arguments = {"file": [str(file)], "text": ["-c", SCRIPT], "input": ["-"]}[how]
    ended = run_python(arguments, tmp_path / "home", input=SCRIPT if how == "input" else None)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "all well\n"


DRIVER = """
import os, sys, time
from pathlib import Path
from flowstone import flow, task
from flowstone.task_runners import ProcessPoolTaskRunner

@task
def sleeps(path):
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)

@task
def idles(path):
    Path(path).write_text(str(os.getpid()))

@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def main(one, two):
    future = sleeps.submit(one)
    idles.submit(two).wait()
    future.wait()

main(*sys.argv[1:])
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_the_process_that_it_works_for(tmp_path, number):
    one, two = tmp_path / "one", tmp_path / "two"
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(one), str(two)],
        env={**os.environ, "FLOWSTONE_HOME": str(tmp_path / "home")},
        stderr=subprocess.DEVNULL,
    )
    try:
        workers = [int(wait_for_file(path)) for path in (one, two)]
        assert all(map(lives, workers))
        driver.send_signal(number)
        driver.wait(10)
        wait_until(lambda: not any(map(lives, workers)))
    finally:
        driver.kill()
        driver.wait()


def test_a_program_that_ends_lets_its_workers_end(tmp_path):
    program = textwrap.dedent("""
        import atexit, os, sys
        from flowstone import flow, task
        from flowstone.task_runners import ProcessPoolTaskRunner

        @task
        def leaves_word(path):
            atexit.register(lambda: open(path, "w").write("ended"))

        @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
        def main():
            leaves_word.submit(sys.argv[1]).wait()

        main()
    """)
    path = tmp_path / "word"
    assert run_python(["-c", program, str(path)], tmp_path / "home").returncode == 0
    assert path.read_text() == "ended"


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_leaves_its_parents_workers_alone(home):
    def body():
        before = bodies.pid.submit().result()
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        return before, bodies.pid.submit().result()

    first, second = within(pool(max_workers=1), body)
    assert first == second
