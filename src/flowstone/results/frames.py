"""Data frames as Arrow or Parquet: files that other programs read, and that hold no code.

They are chosen by the type of a result where nobody chose another serializer, and where pyarrow is
there. A pandas frame that would not come back exactly (columns of objects, an index with a
frequency, attributes) is pickled.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from flowstone.results.serializers import Serializer

_KIND = b"flowstone.frame"
_WANTED = "pandas, polars and pyarrow frames"


class ArrowSerializer(Serializer):
    """Frames of pandas, polars and pyarrow as an Arrow stream."""

    type = "arrow"
    reads_views = True

    def dumps(self, obj: Any) -> bytes:
        table = _table_of(obj)
        pyarrow = import_module("pyarrow")
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        made: bytes = sink.getvalue().to_pybytes()
        return made

    def loads(self, blob: bytes) -> Any:
        pyarrow = import_module("pyarrow")
        with pyarrow.ipc.open_stream(pyarrow.py_buffer(blob)) as stream:
            return _frame_of(stream.read_all())


class ParquetSerializer(Serializer):
    """Frames of pandas, polars and pyarrow as a Parquet file."""

    type = "parquet"
    reads_views = True

    def dumps(self, obj: Any) -> bytes:
        table = _table_of(obj)
        sink = import_module("pyarrow").BufferOutputStream()
        import_module("pyarrow.parquet").write_table(table, sink)
        made: bytes = sink.getvalue().to_pybytes()
        return made

    def loads(self, blob: bytes) -> Any:
        source = import_module("pyarrow").BufferReader(blob)
        return _frame_of(import_module("pyarrow.parquet").read_table(source))


def chosen_for(value: Any) -> Serializer | None:
    """Return the serializer for a frame that comes back exactly as it was, else None."""
    if find_spec("pyarrow") is None:
        return None
    kind = _kind_of(value)
    if kind == "pyarrow" or (kind == "polars" and _is_plain_polars(value)):
        return ArrowSerializer()
    if kind == "pandas" and _is_plain_pandas(value):
        return ArrowSerializer()
    return None


def _kind_of(value: Any) -> str | None:
    for module, name in (("pandas", "DataFrame"), ("polars", "DataFrame"), ("pyarrow", "Table")):
        loaded = sys.modules.get(module)
        if loaded is not None and type(value) is getattr(loaded, name, None):
            return module
    return None


def _is_plain_polars(value: Any) -> bool:
    polars = sys.modules["polars"]
    plain = (polars.String, polars.Boolean, polars.Binary)
    kinds = value.schema.values()
    return all(kind in plain or kind.is_numeric() or kind.is_temporal() for kind in kinds)


def _is_plain_pandas(value: Any) -> bool:
    pandas = sys.modules["pandas"]
    columns, index = value.columns, value.index
    names_are_plain = columns.nlevels == 1 and columns.name is None and columns.is_unique
    return (
        names_are_plain
        and all(isinstance(name, str) for name in columns)
        and not value.attrs
        and (type(index) is pandas.RangeIndex or _has_plain_index(pandas, index))
        and all(_is_plain_dtype(pandas, kind) for kind in value.dtypes)
    )


def _has_plain_index(pandas: Any, index: Any) -> bool:
    is_kept = type(index) is pandas.Index or type(index) is pandas.DatetimeIndex
    return is_kept and _is_plain_dtype(pandas, index.dtype) and getattr(index, "freq", None) is None


def _is_plain_dtype(pandas: Any, kind: Any) -> bool:
    return kind.kind in "biufM" or isinstance(kind, pandas.StringDtype)


def _table_of(frame: Any) -> Any:
    kind = _kind_of(frame)
    if kind == "pandas":
        return import_module("pyarrow").Table.from_pandas(frame)
    if kind == "polars":
        table = frame.to_arrow()
        return table.replace_schema_metadata({**(table.schema.metadata or {}), _KIND: b"polars"})
    if kind == "pyarrow":
        return frame
    raise TypeError(f"Arrow and Parquet keep {_WANTED}, not a {type(frame).__qualname__}")


def _frame_of(table: Any) -> Any:
    metadata = table.schema.metadata or {}
    if metadata.get(_KIND) == b"polars":
        return import_module("polars").from_arrow(table)
    return table.to_pandas() if b"pandas" in metadata else table
