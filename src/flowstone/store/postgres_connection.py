"""A connection to Postgres that takes the SQL of the store."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import adapt, errors
from psycopg.pq import ExecStatus, Format
from psycopg.rows import TupleRow
from psycopg.types.numeric import NumericBinaryLoader

from flowstone.store.arrays import ARRAY_TYPES, ArrayType
from flowstone.store.connection import Cursor
from flowstone.store.errors import DatabaseAway, TookTooLong, ValueRefused, WriterBusy
from flowstone.store.translating import for_all_rows, translate

Raw = psycopg.Connection[TupleRow]


class _Array:
    """Values in the form that Postgres reads arrays in."""

    def __init__(self, data: bytes) -> None:
        self.data = data


class _ArrayDumper(adapt.Dumper):
    format = Format.BINARY

    def dump(self, obj: _Array) -> bytes:
        return obj.data


class _IntDumper(adapt.Dumper):
    """Integers, and truths as 1 and 0, always of the same type: so a statement is planned once."""

    oid = 20

    def dump(self, obj: int) -> bytes:
        return b"%d" % obj


class _NumberLoader(NumericBinaryLoader):
    """What Postgres makes of sums and averages of integers."""

    def load(self, data: Any) -> Any:
        value = super().load(data)
        return int(value) if value == value.to_integral_value() else float(value)


ADAPTERS = adapt.AdaptersMap(psycopg.adapters)
ADAPTERS.register_dumper(_Array, _ArrayDumper)
ADAPTERS.register_dumper(int, _IntDumper)
ADAPTERS.register_dumper(bool, _IntDumper)
ADAPTERS.register_loader("numeric", _NumberLoader)
"""How values go to Postgres and come back on a connection of ours."""


class _Rows:
    """How many rows a statement changed, where it was run for several."""

    def __init__(self, rowcount: int) -> None:
        self.rowcount = rowcount

    def fetchone(self) -> Any:
        return None

    def fetchall(self) -> list[Any]:
        return []

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class Form:
    """A statement that takes many rows at once, and the types of their columns."""

    def __init__(self, text: str, types: list[ArrayType]) -> None:
        self.text = text
        self.types = types


class PostgresConnection:
    """A connection that takes the statements of the store.

    Raises `ValueRefused` where a value cannot be kept, `TookTooLong`, `WriterBusy` where others did
    not let go of what was to be written, and `DatabaseAway` where the database does not answer or
    broke off; what was not committed then is not there.
    """

    def __init__(
        self,
        raw: Raw,
        place: str,
        forms: dict[str, Form | None],
        give_back: Callable[[Raw], None],
    ) -> None:
        """Take an open connection and who gets it back; where it leads, and known statements."""
        self.raw = raw
        self.place = place
        self._forms = forms
        self._give_back = give_back

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Cursor:
        """Run a statement."""
        translated = translate(statement)
        given: Sequence[Any] = values
        if len(values) != len(translated.sizes):
            given = _grouped(values, translated.sizes)
        with told(self.place):
            return self._cursor().execute(translated.text, given or None, binary=True)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> Cursor:
        """Run a statement for each row of values: as one statement, where it can be put so.

        No two rows may then change the same row of the table.
        """
        given = rows if isinstance(rows, list) else list(rows)
        if not given:
            return _Rows(0)
        form = self._form(statement)
        if form is None:
            return _Rows(sum(self.execute(statement, row).rowcount for row in given))
        columns = zip(*given, strict=True)
        arrays = [
            _Array(type_.array(column)) for type_, column in zip(form.types, columns, strict=True)
        ]
        with told(self.place):
            return self._cursor().execute(form.text, arrays)

    def close(self) -> None:
        """Give the connection back; what was not committed is taken back too."""
        self._give_back(self.raw)

    def _cursor(self) -> psycopg.RawCursor[TupleRow]:
        return psycopg.RawCursor(self.raw)

    def _form(self, statement: str) -> Form | None:
        if statement not in self._forms:
            text = translate(statement).text
            with told(self.place):
                types = self._types_of(text)
            batch = for_all_rows(text, [one.name for one in types]) if types else None
            self._forms[statement] = Form(batch, types) if batch and types else None
        return self._forms[statement]

    def _types_of(self, text: str) -> list[ArrayType] | None:
        """Return the types of a statement's values, None where one of them is not known here."""
        prepared = self.raw.pgconn.prepare(b"", text.encode())
        if prepared.status != ExecStatus.COMMAND_OK:
            raise psycopg.ProgrammingError(prepared.get_error_message())
        described = self.raw.pgconn.describe_prepared(b"")
        oids = [described.param_type(index) for index in range(described.nparams)]
        if any(oid not in ARRAY_TYPES for oid in oids):
            return None
        return [ARRAY_TYPES[oid] for oid in oids]


@contextlib.contextmanager
def told(place: str) -> Iterator[None]:
    """Turn what the driver raises within the `with` into what the store raises."""
    try:
        yield
    except (errors.IntegrityError, errors.DataError) as error:
        raise ValueRefused(first_line(error)) from error
    except errors.QueryCanceled as error:
        raise TookTooLong(
            f"{place} did not answer in time ({first_line(error)}). Ask for less."
        ) from error
    except errors.LockNotAvailable as error:
        raise WriterBusy(
            f"{place} is kept busy by others ({first_line(error)}). Nothing was changed; try again."
        ) from error
    except (errors.OperationalError, errors.InterfaceError) as error:
        raise DatabaseAway(
            f"{place} cannot be reached or broke off ({first_line(error)}). Nothing was changed; "
            "try again."
        ) from error


def first_line(error: Exception) -> str:
    """Return what an error of the driver says, in one line."""
    return " ".join(str(error).strip().splitlines()[:1]) or type(error).__name__


def _grouped(values: Sequence[Any], sizes: tuple[int, ...]) -> list[Any]:
    """Return values with those of one array as a list."""
    found: list[Any] = []
    at = 0
    for size in sizes:
        found.append(values[at] if size == 1 else list(values[at : at + size]))
        at += size
    return found
