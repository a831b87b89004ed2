"""The SQL of the store in the words of Postgres."""

from __future__ import annotations

import pytest

from flowstone.store.translating import for_all_rows, translate


@pytest.mark.parametrize(
    ("ours", "theirs", "sizes"),
    [
        (
            "SELECT a FROM t WHERE b = ? AND c < ?",
            "SELECT a FROM t WHERE b = $1 AND c < $2",
            (1, 1),
        ),
        (
            "SELECT '?', 'it''s ?' FROM t WHERE a = ?",
            "SELECT '?', 'it''s ?' FROM t WHERE a = $1",
            (1,),
        ),
        ("a = ? AND b IN (?, ?, ?) AND c = ?", "a = $1 AND b = ANY($2) AND c = $3", (1, 3, 1)),
        ("a NOT IN (?, ?)", "a <> ALL($1)", (2,)),
        ("WHERE +log = ? AND (+run.shown = 3)", "WHERE log = $1 AND (run.shown = 3)", (1,)),
        ("runs = t.runs + excluded.runs", "runs = t.runs + excluded.runs", ()),
        ("mark_at = max(at, ?), x = max(y)", "mark_at = greatest(at, $1), x = max(y)", (1,)),
        ("CAST(a AS INTEGER)", "CAST(a AS bigint)", ()),
        ("SELECT 1 -- what of it?\nFROM t", "SELECT 1 \nFROM t", ()),
        ("a LIKE '%x%' AND b % 2 = 0", "a LIKE '%x%' AND b % 2 = 0", ()),
    ],
)
def test_a_statement_is_put_into_the_words_of_postgres(
    ours: str, theirs: str, sizes: tuple[int, ...]
):
    found = translate(ours)
    assert (found.text, found.sizes) == (theirs, sizes)


@pytest.mark.parametrize(
    ("one", "all_rows"),
    [
        (
            "INSERT INTO t (a, b) VALUES ($1, 3) ON CONFLICT DO NOTHING",
            (
                "INSERT INTO t (a, b) SELECT given.c1, 3 FROM unnest($1::int8[]) AS given (c1) ON "
                "CONFLICT DO NOTHING"
            ),
        ),
        (
            "UPDATE t SET a = coalesce($1, a) WHERE id = $2",
            (
                "UPDATE t SET a = coalesce(given.c1, a) FROM unnest($1::int8[], $2::bytea[]) "
                "AS given (c1, c2) WHERE id = given.c2"
            ),
        ),
        (
            "DELETE FROM t WHERE id = $1",
            "DELETE FROM t USING unnest($1::bytea[]) AS given (c1) WHERE id = given.c1",
        ),
        ("INSERT INTO t (a) SELECT b FROM u WHERE c = $1", None),
    ],
)
def test_a_statement_for_one_row_becomes_one_for_all(one: str, all_rows: str | None):
    types = ["bytea"] if "DELETE" in one else ["int8", "bytea"][: one.count("$")]
    found = for_all_rows(one, types)
    assert (None if found is None else " ".join(found.split())) == all_rows
