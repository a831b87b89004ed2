"""The live display in a terminal: what a person sees while a flow runs, and afterwards."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.drive.terminal import Terminal

SCRIPT = """
import getpass, os, signal, subprocess, sys, time, tty, termios
from flowstone import flow, task

@task
def load(n):
    time.sleep(0.02)
    if n == 7:
        raise ValueError("no such day")

@task
def fetch():
    time.sleep({fetch})

@flow
def inner():
    load(0)

@flow
def nightly():
    days = load.map(range(10))
    fetched = fetch.submit()
    days.wait()
{body}
    return fetched.result()

if __name__ == "__main__":
    nightly()
    print("the end", "rich" in sys.modules)
"""


@pytest.fixture
def terminal(tmp_path):
    """Runs a script in a terminal, with lines of its own in the flow."""
    started = []

    def start(body="", *, fetch=2.0, words=None, **options) -> Terminal:
        path = tmp_path / "etl.py"
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        path.write_text(SCRIPT.format(body=lines, fetch=fetch))
        options = {"FLOWSTONE_LIVE": "1", **options}
        started.append(Terminal(words or [str(path)], tmp_path, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


def is_live(terminal: Terminal) -> bool:
    return any(line.startswith("nightly") for line in terminal.display)


def is_away(terminal: Terminal) -> bool:
    return not terminal.display


def is_clean(terminal: Terminal) -> bool:
    """Whether nothing of the display is there, in sight or above, and all rows scroll."""
    return (
        "───" not in terminal.text
        and "━━━" not in terminal.text
        and "longest:" not in terminal.text
        and terminal.screen.margins is None
        and not terminal.screen.cursor.hidden
    )


def test_a_run_is_shown_while_it_lasts_and_only_its_lines_are_left(terminal):
    t = terminal()
    t.until(lambda t: is_live(t) and any("longest: fetch-0" in line for line in t.display))
    assert "1 running · 9 completed · 1 failed" in t.display[0]
    assert t.display[1].startswith("  load  ━━━━")
    assert t.display[1].endswith("10/10")
    assert t.display[-1] == "failed: load-7  ValueError: no such day"
    assert t.end() == 0
    assert is_clean(t)
    assert "11taskruns:" in "".join(t.text.split())
    assert t.text.rstrip().endswith("the end True")


def test_a_run_of_less_than_a_second_loads_and_writes_nothing_for_it(terminal):
    t = terminal(fetch=0.5)
    assert t.end() == 0
    assert t.text.rstrip().endswith("the end False")
    assert b"\x1b7" not in t.written


PRINTS = r"""
time.sleep(1.3)
print("loading", end="", flush=True)
for n in range(12):
    print(".", end="", flush=True, file=sys.stderr)
    time.sleep(0.05)
print(" done")
for n in range(60):
    print(f"line {n} " + "x" * 60)
for n in range(101):
    sys.stderr.write(f"\r{n:3} % |{'#' * (n // 10):10}|")
    sys.stderr.flush()
    time.sleep(0.005)
print(file=sys.stderr)
subprocess.run(["sh", "-c", "for n in 1 2 3 4 5 6 7 8 9; do echo from outside $n; done"])
sys.stdout.write("\x1b[1mbold")
sys.stdout.flush()
time.sleep(0.3)
print(" still\x1b[0m")
"""


def test_whatever_is_printed_meanwhile_is_seen_as_on_any_terminal(terminal):
    t = terminal(PRINTS, fetch=0.1)
    t.until(is_live)
    assert t.end() == 0
    lines = t.text.splitlines()
    begin = lines.index("loading............ done")
    expected = [f"line {n} " + "x" * 60 for n in range(60)]
    expected += ["100 % |##########|", *(f"from outside {n}" for n in range(1, 10)), "bold still"]
    assert lines[begin + 1 : begin + 1 + len(expected)] == expected
    assert is_clean(t)


def test_ctrl_c_leaves_a_clean_terminal(terminal):
    t = terminal("time.sleep(30)", fetch=0.1)
    t.until(is_live)
    t.type("\x03")
    assert t.end() != 0
    assert is_clean(t)
    assert "KeyboardInterrupt" in t.text


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_kill_leaves_a_clean_terminal(terminal, number):
    t = terminal("time.sleep(30)", fetch=0.1)
    t.until(is_live)
    os.kill(t.process.pid, number)
    assert t.end() == -number
    assert is_clean(t)


def test_a_terminal_that_changes_its_size_shows_the_display_at_its_new_bottom(terminal, tmp_path):
    t = terminal(
        "while not os.path.exists('go'):\n    time.sleep(0.05)\nprint('went on')", fetch=0.1
    )
    t.until(is_live)
    for columns, rows in ((60, 14), (100, 30), (40, 8), (80, 24)):
        t.resize(columns, rows)
        t.until(lambda t: is_live(t) and t.lines[-1] != "" and t.lines[-2] != "")
        assert sum(line.startswith("─" * 10) for line in t.lines) == 1
    (tmp_path / "go").touch()
    assert t.end() == 0
    assert "went on" in t.lines
    assert is_clean(t)


def test_the_display_is_away_while_input_waits_and_comes_back(terminal):
    t = terminal("time.sleep(1.4)\nname = input('Who? ')\nprint('hello', name)", fetch=3)
    t.until(is_live)
    t.until(lambda t: "Who?" in t.text)
    t.until(is_away)
    seen = len(t.written)
    time.sleep(0.6)
    t.type("Ada\n")
    t.until(lambda t: "hello Ada" in t.text)
    assert b"nightly" not in t.written[seen : t.written.index(b"hello Ada")]
    t.until(is_live)
    assert t.end() == 0
    assert is_clean(t)


def test_the_display_is_away_while_a_breakpoint_asks_and_comes_back(terminal):
    t = terminal("time.sleep(1.4)\nbreakpoint()\nprint('went on')", fetch=3)
    t.until(is_live)
    t.until(lambda t: "(Pdb)" in t.text)
    t.until(is_away)
    assert "etl.py" in t.text.split("(Pdb)")[0]
    t.type("p 6 * 7\n")
    t.until(lambda t: "42" in t.text.split("(Pdb)", 1)[1])
    t.type("c\n")
    t.until(lambda t: "went on" in t.text)
    t.until(is_live)
    assert t.end() == 0
    assert is_clean(t)


EDITOR = """
time.sleep(1.4)
modes = termios.tcgetattr(0)
tty.setraw(0)
time.sleep(0.3)
os.write(1, b"<editor>")
time.sleep(0.8)
os.write(1, b"</editor>")
termios.tcsetattr(0, termios.TCSADRAIN, modes)
"""


def test_nothing_is_written_while_another_program_has_the_terminal(terminal):
    t = terminal(EDITOR, fetch=3)
    t.until(is_live)
    t.until(lambda t: b"</editor>" in t.written)
    assert b"<editor></editor>" in t.written
    t.until(is_live)
    assert t.end() == 0
    assert t.screen.margins is None


def test_after_a_stop_it_is_drawn_below_what_came_to_the_terminal_meanwhile(terminal, tmp_path):
    t = terminal(
        "while not os.path.exists('go'):\n    time.sleep(0.05)\nprint('went on')", fetch=0.1
    )
    t.until(is_live)
    os.kill(t.process.pid, signal.SIGSTOP)
    time.sleep(1.2)
    t.until(lambda t: not t._take(0))
    t.feed("\x1b[r" + "\r\n" * 30 + "$ fg\r\n")
    os.kill(t.process.pid, signal.SIGCONT)
    t.until(lambda t: is_live(t) and t.lines[-1].startswith("failed:"))
    (tmp_path / "go").touch()
    assert t.end() == 0
    shown = [line for line in t.lines if line]
    assert shown[shown.index("$ fg") + 1] == "went on"
    assert "─" * 10 not in "".join(t.lines)
    assert t.screen.margins is None


CHILDREN = """
time.sleep(1.5)
try:
    os.wait()
except ChildProcessError:
    print("no children")
pid = os.fork()
if pid == 0:
    inner()
    time.sleep(0.3)
    os._exit(0)
os.waitpid(pid, 0)
program = "import time; from flowstone import flow; flow(name='other')(time.sleep)(1.6)"
subprocess.run([sys.executable, "-c", program])
"""


def test_other_processes_of_the_same_terminal_leave_it_to_the_first(terminal):
    t = terminal(CHILDREN, fetch=0.1)
    t.until(is_live)
    # Without blanks: where the line is broken depends on the run's name.
    t.until(lambda t: "forflow'other'" in "".join(t.text.split()))
    while t._take(0.1) is not None:
        assert not any(line.startswith("other") for line in t.display)
    assert t.process.wait() == 0
    assert "no children" in t.text
    assert is_clean(t)


def test_a_terminal_that_goes_away_does_not_stop_the_run(terminal, tmp_path):
    body = "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nsys.stdout = open('out', 'w')\n"
    body += "time.sleep(2)\nopen('over', 'w').close()"
    t = terminal(body, fetch=0.1)
    t.until(is_live)
    master, t.master = t.master, os.open(os.devnull, os.O_RDONLY)
    os.close(master)
    t.process.wait(timeout=15)
    assert (tmp_path / "over").exists()


FLOWS = ["-m", "flowstone.cli", "run", "etl.py:nightly"]


def test_flowstone_run_shows_it_without_being_asked(terminal):
    t = terminal(words=FLOWS, FLOWSTONE_LIVE="", fetch=1.6)
    t.until(is_live)
    assert t.end() == 0
    assert is_clean(t)


OFF = {
    "a script that does not ask": (None, {"FLOWSTONE_LIVE": ""}),
    "flowstone run --no-live": ([*FLOWS, "--no-live"], {}),
    "flowstone run with the variable": (FLOWS, {"FLOWSTONE_LIVE": "0"}),
    "continuous integration": (None, {"CI": "true"}),
    "a terminal that moves no cursor": (None, {"TERM": "dumb"}),
}


@pytest.mark.parametrize("name", OFF)
def test_where_it_is_off_there_are_plain_lines(terminal, name):
    words, environ = OFF[name]
    t = terminal("assert 'rich' not in sys.modules", fetch=1.3, words=words, **environ)
    assert t.end() == 0
    assert b"\x1b7" not in t.written
    assert b"\x1b[1;" not in t.written
    assert "11taskruns:" in "".join(t.text.split())
