from __future__ import annotations

import _thread

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from flowstone.core.hashing import hash_value
from flowstone.exceptions import HashError

NUMBERS = np.arange(6, dtype="<i8")
PADDED = np.dtype([("a", "i1"), ("b", "<f8")], align=True)


def frame(**changes):
    columns = {"n": [1, 2, 3], "s": ["x", None, "z"], "t": pd.to_datetime(["2024-01-01"] * 3)}
    return pd.DataFrame({**columns, **changes})


DIFFERENT = [
    NUMBERS,
    NUMBERS.reshape(2, 3),
    NUMBERS.reshape(3, 2),
    NUMBERS.astype("<i4"),
    NUMBERS.astype("<u8"),
    NUMBERS.astype(">i8"),
    NUMBERS.astype("<f8"),
    NUMBERS.astype("<M8[s]"),
    NUMBERS.astype("<M8[D]"),
    NUMBERS.astype("<m8[s]"),
    NUMBERS.astype(object),
    NUMBERS.astype("U8"),
    NUMBERS.astype(np.dtypes.StringDType()),
    NUMBERS[::2],
    np.zeros((0, 3)),
    np.zeros((3, 0)),
    np.array(1.0),
    np.float64(1.0),
    np.float32(1.0),
    np.zeros(2, PADDED),
    np.ma.array(NUMBERS, mask=NUMBERS > 3),
    frame(),
    frame(n=[1, 2, 4]),
    frame(n=[1.0, 2.0, 3.0]),
    frame(n=pd.array([1, 2, None], dtype="Int64")),
    frame(n=pd.Categorical(["a", "b", "a"])),
    frame(n=pd.Categorical(["a", "b", "a"], categories=["b", "a"])),
    frame().rename(columns={"n": "m"}),
    frame()[["s", "n", "t"]],
    frame().set_index("n"),
    frame().convert_dtypes(dtype_backend="pyarrow"),
    frame()["n"],
    frame()["n"].rename("m"),
    frame().index,
    pl.DataFrame({"n": [1, 2, 3]}),
    pl.DataFrame({"n": [1, 2, None]}),
    pl.DataFrame({"m": [1, 2, 3]}),
    pl.Series("n", [1, 2, 3]),
    pa.table({"n": [1, 2, 3]}),
    pa.table({"n": [1, 2, 4]}),
    pa.array([1, 2, 3]),
    pa.chunked_array([[1, 2, 3]]),
    pa.record_batch({"n": [1, 2, 3]}),
    np.dtype("i8"),
    pd.Timestamp("2024-01-01"),
    pd.NA,
    pd.NaT,
    np.random.default_rng(1),
    np.add,
]


def test_arrays_and_frames_that_differ_in_type_shape_or_content_have_different_hashes():
    seen = {}
    for value in DIFFERENT:
        found = hash_value(value)
        assert found == hash_value(value)
        assert found not in seen, (value, seen[found])
        seen[found] = value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NUMBERS.reshape(2, 3), np.asfortranarray(NUMBERS.reshape(2, 3))),
        (NUMBERS[::2], NUMBERS[::2].copy()),
        (frame(), frame().copy()),
        (frame(), pd.concat([frame()[:1], frame()[1:]])),
        (frame(m=[1, 2, 3])[["n", "m"]], pd.DataFrame({"n": [1, 2, 3], "m": [1, 2, 3]})),
        (pl.DataFrame({"n": [1, 2]}), pl.concat([pl.DataFrame({"n": [k]}) for k in (1, 2)])),
        (pa.table({"n": [1, 2]}), pa.concat_tables([pa.table({"n": [k]}) for k in (1, 2)])),
        (pa.array([1, 2, 3])[1:], pa.array([2, 3])),
    ],
)
def test_how_an_array_or_frame_lies_in_memory_does_not_count(one, other):
    assert hash_value(one) == hash_value(other)


def test_what_lies_between_the_fields_of_a_record_does_not_count():
    one = np.zeros(3, PADDED)
    other = np.frombuffer(b"\xff" * one.nbytes, PADDED).copy()
    other["a"], other["b"] = 0, 0
    assert one.tobytes() != other.tobytes()
    assert hash_value(one) == hash_value(other)


def test_a_file_that_is_mapped_counts_as_the_array_in_it(tmp_path):
    mapped = np.memmap(tmp_path / "a", dtype="<i8", mode="w+", shape=(6,))
    mapped[:] = NUMBERS
    assert hash_value(mapped) == hash_value(NUMBERS)


def test_what_cannot_be_hashed_in_an_array_of_objects_is_refused():
    with pytest.raises(HashError, match="a lock cannot be hashed"):
        hash_value(np.array([1, _thread.allocate_lock()], dtype=object))


def test_a_change_deep_in_a_large_array_counts():
    large = np.zeros(1 << 20)
    before = hash_value(large)
    large[777_777] = 1
    assert hash_value(large) != before
