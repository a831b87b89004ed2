"""Tables: aligned, cut to the terminal, without surprises in their cells."""

from __future__ import annotations

import pytest

from flowstone.cli.table import Column, Row, table
from flowstone.cli.terminal import columns_of, cut, printable

COLUMNS = (
    Column(title="ID", drop=1),
    Column(title="NAME", least=6),
    Column(title="STATE", is_state=True),
    Column(title="TIME", right=True, drop=2),
)
ROWS = [
    Row(("a1", "short", "Completed", "12 ms"), "COMPLETED"),
    Row(("b2", "a name that is rather long", "Failed", "3 m 04 s"), "FAILED"),
]


def test_columns_are_aligned_and_numbers_stand_to_the_right():
    assert table(COLUMNS, ROWS, None, colors=False).splitlines() == [
        "ID  NAME                        STATE          TIME",
        "a1  short                       Completed     12 ms",
        "b2  a name that is rather long  Failed     3 m 04 s",
    ]


def test_the_longest_free_text_is_cut_to_the_width():
    assert table(COLUMNS, ROWS, 40, colors=False).splitlines() == [
        "ID  NAME             STATE          TIME",
        "a1  short            Completed     12 ms",
        "b2  a name that is…  Failed     3 m 04 s",
    ]


def test_where_even_that_does_not_fit_the_least_columns_go():
    assert table(COLUMNS, ROWS, 25, colors=False).splitlines() == [
        "ID  NAME        STATE",
        "a1  short       Completed",
        "b2  a name th…  Failed",
    ]
    assert table(COLUMNS, ROWS, 10, colors=False).splitlines()[0] == "NAME    STATE"


def test_a_column_without_any_text_is_left_out_if_it_may_go():
    rows = [Row(("", "x", "Failed", ""), "FAILED")]
    assert table(COLUMNS, rows, None, colors=False).splitlines()[0] == "NAME  STATE"


def test_only_the_state_is_coloured_and_the_spaces_behind_it_are_not():
    lines = table(COLUMNS, ROWS, None, colors=True).splitlines()
    assert "\x1b" not in lines[0]
    assert "\x1b[31mFailed\x1b[0m   " in lines[2]
    assert lines[2].count("\x1b") == 2


def test_wide_characters_count_for_two_columns_and_accents_for_none():
    assert columns_of("日本") == 4
    assert columns_of("e\u0301") == 1
    lines = table(
        COLUMNS[1:3], [Row(("日本", "Failed")), Row(("abcdef", "Failed"))], None, colors=False
    )
    assert lines.splitlines()[1:] == ["日本    Failed", "abcdef  Failed"]


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("日本語", 5, "日本…"), ("日本語", 4, "日…")],
)
def test_a_cut_text_ends_in_an_ellipsis_and_fits(text, columns, expected):
    assert cut(text, columns) == expected


def test_a_cell_cannot_steer_the_terminal():
    text = table(COLUMNS[1:2], [Row(("\x1b[2Jgone\nnext",))], None, colors=True)
    assert text.splitlines()[1] == "\\x1b[2Jgone\\nnext"
    assert printable("a\tb\x07\n", keep="\n\t") == "a\tb\\x07\n"
