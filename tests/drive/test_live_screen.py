"""What the escape sequences of the display do to a terminal, in an emulation of one."""

from __future__ import annotations

import os

import pyte
import pytest

from flowstone.drive.live.screen import ERASE_BELOW, Screen, erased, painted

SIZE = os.terminal_size((20, 8))


class Emulated:
    def __init__(self, before: str = "") -> None:
        self.screen = pyte.HistoryScreen(20, 8, history=100)
        self.stream = pyte.Stream(self.screen)
        self.stream.feed(before.replace("\n", "\r\n"))

    def write(self, text: str) -> None:
        self.stream.feed(text.replace("\n", "\r\n"))

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def gone(self) -> list[str]:
        rows = self.screen.history.top
        return ["".join(row[c].data for c in range(20)).rstrip() for row in rows]


def test_the_display_is_in_the_last_rows_and_the_cursor_stays_where_it_was():
    terminal = Emulated("one\ntwo")
    terminal.write(painted(["A", "B"], SIZE, room=True))
    assert terminal.lines == ["one", "two", "", "", "", "", "A", "B"]
    assert (terminal.screen.cursor.y, terminal.screen.cursor.x) == (1, 3)


def test_what_was_at_the_bottom_moves_up_into_the_history():
    text = "\n".join("12345678")
    terminal = Emulated(text)
    terminal.write(painted(["A", "B"], SIZE, room=True))
    assert terminal.gone == ["1", "2"]
    assert terminal.lines == [*"345678", "A", "B"]
    terminal.write("9\n10")
    assert terminal.gone == ["1", "2", "3"]
    assert terminal.lines == ["4", "5", "6", "7", "89", "10", "A", "B"]


def test_a_display_that_is_drawn_again_scrolls_nothing():
    terminal = Emulated("\n".join("12345678"))
    terminal.write(painted(["A", "B"], SIZE, room=True))
    for letter in "CDE":
        terminal.write(painted([letter, "B"], SIZE, room=False))
        terminal.write(painted([letter, "B"], SIZE, room=True))
    assert terminal.lines == [*"345678", "E", "B"]


def test_lines_in_progress_and_lines_that_begin_anew_stay_whole():
    terminal = Emulated("\n" * 7)
    terminal.write("load")
    terminal.write(painted(["A"], SIZE, room=True))
    terminal.write("ing\n 10 %")
    terminal.write(painted(["B"], SIZE, room=False))
    terminal.write("\r 20 %")
    terminal.write(painted(["C", "D"], SIZE, room=True))
    terminal.write("\r100 %\nover")
    assert terminal.lines[-5:] == ["loading", "100 %", "over", "C", "D"]


def test_a_display_that_grows_and_shrinks_leaves_nothing_of_itself():
    terminal = Emulated("one\n")
    for height in (1, 4, 2, 3, 1):
        terminal.write(painted(["x" * 20] * height, SIZE, room=True))
    terminal.write(erased(1, SIZE))
    terminal.write("two\n")
    assert terminal.lines == ["one", "two", *[""] * 6]


@pytest.mark.parametrize("erasing", [erased(3, SIZE), ERASE_BELOW])
def test_when_it_is_erased_all_rows_scroll_again(erasing):
    terminal = Emulated("\n".join("12345678"))
    terminal.write(painted(["A", "B", "C"], SIZE, room=True))
    terminal.write(erasing)
    assert terminal.lines == [*"45678", "", "", ""]
    terminal.write("\n9\n10\n11\n12")
    assert terminal.lines == ["5", "6", "7", "8", "9", "10", "11", "12"]


def test_the_colours_of_what_is_printed_are_kept_and_do_not_reach_the_display():
    terminal = Emulated("\x1b[31mred ")
    terminal.write(painted(["A"], SIZE, room=True))
    terminal.write("still")
    assert terminal.screen.buffer[0][4].fg == "red"
    assert terminal.screen.buffer[7][0].fg == "default"


def test_a_terminal_is_let_go_of_once_also_by_the_child_of_a_child():
    ours, theirs = os.openpty()
    screen = Screen(theirs)
    fd = screen.fd
    screen.close()
    os.dup2(ours, fd)  # what another file of the child gets
    screen.close()
    assert os.path.sameopenfile(fd, ours)
    for each in (ours, theirs, fd):
        os.close(each)
