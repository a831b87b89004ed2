"""Codes of arrays and data frames, of which the memory is hashed and no item is looked at."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

import xxhash

from flowstone.core.codes import of_buffer, pack, tagged


class Encodes(Protocol):
    """What gives codes of the values that an array or a frame holds."""

    def encode(self, value: Any, /) -> bytes:
        """Return the code of a value."""


class _Sink:
    """A file that keeps only the hash and the size of what is written to it."""

    def __init__(self) -> None:
        self._hash = xxhash.xxh3_128()
        self._size = 0
        self.closed = False

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self._hash.update(data)
        self._size += size
        return size

    def flush(self) -> None:
        """Have nothing to write out."""

    def code(self, letter: str) -> bytes:
        return tagged(letter, pack(self._size), pack(self._hash.digest()))


def numpy_array(encoder: Encodes, array: Any) -> bytes:
    """Return the code of an array: its type, shape and memory, whatever the order of its axes."""
    import numpy as np

    kind = array.dtype
    if kind.names is not None:  # between the fields may lie bytes that mean nothing
        fields = [encoder.encode((name, array[name])) for name in kind.names]
        return tagged("A", encoder.encode(array.shape), *fields)
    if kind.hasobject or kind.kind == "T":  # objects and texts of any length lie elsewhere
        items = array.ravel().tolist()
        return tagged("A", encoder.encode(array.shape), pack(kind.str), encoder.encode(items))
    whole = np.ascontiguousarray(array).reshape(-1).view(np.uint8) if array.size else b""
    return of_buffer(
        "a", whole, kind.str, np.datetime_data(kind) if kind.kind in "mM" else None, array.shape
    )


def numpy_scalar(encoder: Encodes, value: Any) -> bytes:
    """Return the code of a number of numpy's, which is none of Python's."""
    import numpy as np

    return tagged("n", numpy_array(encoder, np.asarray(value)))


def pandas_frame(encoder: Encodes, frame: Any) -> bytes:
    """Return the code of a frame: its index, its columns in their order, its attributes."""
    columns = [frame.iloc[:, number].array for number in range(frame.shape[1])]
    whole = (frame.index, frame.columns, columns, frame.attrs)
    return tagged("F", *(encoder.encode(part) for part in whole))


def pandas_series(encoder: Encodes, series: Any) -> bytes:
    """Return the code of a series: its index, name, values and attributes."""
    whole = (series.index, series.name, series.array, series.attrs)
    return tagged("S", *(encoder.encode(part) for part in whole))


def pandas_array(encoder: Encodes, array: Any) -> bytes:
    """Return the code of a column that is kept as a plain array."""
    return numpy_array(encoder, array.to_numpy())


def polars_frame(_encoder: Encodes, frame: Any) -> bytes:
    """Return the code of a polars frame, whatever pieces it is kept in."""
    sink = _Sink()
    frame.rechunk().write_ipc_stream(sink)
    return sink.code("P")


def polars_series(encoder: Encodes, series: Any) -> bytes:
    """Return the code of a polars series."""
    return tagged("Q", polars_frame(encoder, series.to_frame()))


def arrow_table(_encoder: Encodes, table: Any) -> bytes:
    """Return the code of an Arrow table, whatever pieces it is kept in."""
    arrow = import_module("pyarrow")
    sink = _Sink()
    with arrow.ipc.new_stream(arrow.PythonFile(sink, "w"), table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return sink.code("T")


def arrow_array(encoder: Encodes, array: Any) -> bytes:
    """Return the code of an Arrow array, in one piece or many."""
    table = import_module("pyarrow").table({"": array})
    return tagged("U", pack(type(array).__name__), arrow_table(encoder, table))


def arrow_batch(encoder: Encodes, batch: Any) -> bytes:
    """Return the code of a batch of an Arrow table."""
    table = import_module("pyarrow").Table.from_batches([batch])
    return tagged("V", arrow_table(encoder, table))


ARRAYS: dict[str, Callable[[Encodes, Any], bytes]] = {
    "numpy.memmap": numpy_array,
    "numpy.ndarray": numpy_array,
    "pandas.DataFrame": pandas_frame,
    "pandas.NumpyExtensionArray": pandas_array,
    "pandas.Series": pandas_series,
    "polars.DataFrame": polars_frame,
    "polars.Series": polars_series,
    "pyarrow.ChunkedArray": arrow_array,
    "pyarrow.RecordBatch": arrow_batch,
    "pyarrow.Table": arrow_table,
}
"""By the package and the name of a class, and for no class made of it."""
ARRAY_FAMILIES: dict[str, Callable[[Encodes, Any], bytes]] = {
    "numpy.generic": numpy_scalar,
    "pyarrow.Array": arrow_array,
}
"""By the package and the name of a class, also for those made of it."""
