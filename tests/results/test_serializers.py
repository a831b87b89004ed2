from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import lzma
import pickle
import subprocess
import sys
from decimal import Decimal
from pathlib import PurePosixPath
from typing import ClassVar, Literal
from uuid import UUID

import msgspec
import pydantic
import pytest

from flowstone.exceptions import SerializationError, UnreadableResult
from flowstone.results.directory import Directory
from flowstone.results.keeper import Keeper
from flowstone.results.serializers import PROTOCOL, restored, serializer_of, written
from flowstone.serializers import (
    ArrowSerializer,
    CompressedJSONSerializer,
    CompressedPickleSerializer,
    CompressedSerializer,
    JSONSerializer,
    ParquetSerializer,
    PickleSerializer,
    Serializer,
)

DATA = {"a": [1, 2.5, None, "x"], "b": {"c": True}}


@dataclasses.dataclass(frozen=True, slots=True)
class Point:
    x: int
    when: dt.date


@dataclasses.dataclass
class Derived:
    given: int
    made: int = dataclasses.field(init=False)

    def __post_init__(self):
        self.made = self.given + 1


@dataclasses.dataclass
class Seeded:
    n: int
    seed: dataclasses.InitVar[int]
    kinds: ClassVar[list[str]] = ["a"]

    def __post_init__(self, seed):
        self.n += seed


class Pair(msgspec.Struct):
    left: int
    right: object


class Frozen(msgspec.Struct, frozen=True):
    n: int


class Colour(enum.Enum):
    RED = "red"


class Model(pydantic.BaseModel):
    n: int
    at: dt.datetime


class Own(Exception):
    def __init__(self, code, text):
        super().__init__(code, text)
        self.code = code


class Narrow(Exception):
    def __init__(self, code):
        super().__init__("code", code)


ALL = ["pickle", "json", "compressed/pickle", "compressed/json"]


@pytest.mark.parametrize("name", ALL)
def test_each_serializer_is_found_by_its_type_and_gives_values_back(name):
    serializer = serializer_of(name)
    assert serializer.type == name
    blob = serializer.dumps(DATA)
    assert isinstance(blob, bytes)
    assert serializer.loads(blob) == DATA


def test_an_unknown_type_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"no serializer 'pickel'.*'pickle'.*arrow, compressed"):
        serializer_of("pickel")
    with pytest.raises(TypeError, match="not 7"):
        serializer_of(7)


def test_a_record_of_an_unknown_type_is_unreadable_with_what_to_do():
    with pytest.raises(RuntimeError, match="'nope' is not available in this environment; import"):
        restored("nope", {}, PickleSerializer())
    with pytest.raises(UnreadableResult, match="cannot be made with"):
        restored("pickle", {"picklelib": "nope"}, PickleSerializer())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PickleSerializer(picklelib="nope"), "'nope' cannot be imported"),
        (lambda: PickleSerializer(picklelib="os"), "has no 'dumps' and no 'loads'"),
        (lambda: JSONSerializer(jsonlib="nope"), "'nope' cannot be imported"),
        (lambda: JSONSerializer(dumps_kwargs={"default": str}), "object_encoder"),
        (lambda: JSONSerializer(loads_kwargs={"object_hook": str}), "object_decoder"),
        (lambda: JSONSerializer(object_encoder="os.nope"), "no 'os.nope'"),
        (lambda: CompressedSerializer(serializer="json", compressionlib="os"), "no 'compress'"),
        (lambda: CompressedSerializer(serializer="nope"), "no serializer 'nope'"),
    ],
)
def test_options_are_checked_when_a_serializer_is_made(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", ["lzma", "bz2", "zlib", "gzip", "zstd"])
def test_compression_is_by_zstd_or_any_library_by_name(name):
    serializer = CompressedSerializer(serializer="json", compressionlib=name)
    assert serializer.loads(serializer.dumps(DATA)) == DATA
    assert len(serializer.dumps("x" * 10_000)) < 500


def test_the_presets_compress_by_zstd_unless_told_otherwise():
    for preset in (CompressedPickleSerializer(), CompressedJSONSerializer()):
        assert preset.dumps(DATA)[:4] == b"\x28\xb5\x2f\xfd"
    blob = CompressedJSONSerializer(compressionlib="lzma").dumps(DATA)
    assert json.loads(lzma.decompress(blob)) == DATA


@pytest.mark.parametrize(
    "serializer",
    [
        PickleSerializer(picklelib="pickle"),
        JSONSerializer(dumps_kwargs={"indent": 1}, object_decoder=None),
        CompressedSerializer(serializer=JSONSerializer(object_encoder=None), compressionlib="bz2"),
        CompressedPickleSerializer(compressionlib="lzma"),
    ],
    ids=["pickle", "json", "json-bz2", "pickle-lzma"],
)
def test_another_process_reads_with_the_options_that_were_written(serializer, tmp_path):
    Keeper(Directory(str(tmp_path)), serializer=serializer).save("k", DATA, created=0)
    plain = Keeper(Directory(str(tmp_path)))
    kept = plain.load("k", 0)
    assert kept.value == DATA
    assert plain.serializer_of(kept.header) == serializer


def test_plain_pickle_is_used_where_it_does():
    assert PickleSerializer().dumps(DATA) == pickle.dumps(DATA, PROTOCOL)
    assert PickleSerializer().dumps(Point(1, dt.date(2024, 1, 2))) == pickle.dumps(
        Point(1, dt.date(2024, 1, 2)), PROTOCOL
    )


def test_what_plain_pickle_cannot_write_goes_through_cloudpickle():
    add = PickleSerializer().loads(PickleSerializer().dumps(lambda a: a + 1))
    assert add(1) == 2
    with pytest.raises((pickle.PicklingError, AttributeError)):
        PickleSerializer(picklelib="pickle").dumps(lambda: 1)


def test_large_arrays_come_back_whole_aligned_and_writable(tmp_path):
    numpy = pytest.importorskip("numpy")
    arrays = [
        numpy.arange(100_001, dtype=numpy.int8),
        numpy.asfortranarray(numpy.arange(60_000, dtype=numpy.complex128).reshape(200, 300)),
        numpy.arange(100_000)[::2],
        numpy.arange(3),
        numpy.arange(1_000_000),
    ]
    arrays.append(arrays[0][1:70_001])
    storages = [Directory(str(tmp_path / name)) for name in ("values", "keys")]
    for keeper in (Keeper(storages[0]), Keeper(storages[0], keys=storages[1])):
        keeper.save("k", {"text": "x" * 100_000, "arrays": arrays}, created=0)
        back = keeper.load("k", 0).value
        assert back["text"] == "x" * 100_000
        for one, other in zip(back["arrays"], arrays, strict=True):
            assert one.dtype == other.dtype
            assert (one == other).all()
            assert one.flags.aligned
            assert one.flags.writeable
        back["arrays"][0][0] = 7
        assert keeper.load("k", 0).value["arrays"][0][0] == 0
    blob = PickleSerializer().dumps(arrays)
    assert (PickleSerializer().loads(blob)[1] == arrays[1]).all()
    PickleSerializer().loads(blob)[0][0] = 1  # bytes cannot be written to, so it is a copy


def test_an_array_that_must_not_be_written_to_stays_so(tmp_path):
    numpy = pytest.importorskip("numpy")
    array = numpy.zeros(100_000)
    array.flags.writeable = False
    keeper = Keeper(Directory(str(tmp_path)))
    keeper.save("k", array, created=0)
    assert not keeper.load("k", 0).value.flags.writeable


SCRIPT = """
import enum, sys
from dataclasses import dataclass
from flowstone.serializers import PickleSerializer

class Colour(enum.Enum):
    RED = 1

@dataclass
class Row:
    colour: Colour

    @classmethod
    def red(cls):
        return cls(Colour.RED)

if __name__ == "__main__":
    path = sys.argv[1]
    if sys.argv[2] == "write":
        open(path, "wb").write(PickleSerializer().dumps([Row.red(), Row, Row.red]))
    else:
        row, cls, red = PickleSerializer().loads(open(path, "rb").read())
        assert type(row) is Row and row.colour is Colour.RED and cls is Row, row
        assert red() == Row.red()
"""


def test_a_script_gets_its_own_classes_back_and_others_get_a_copy(tmp_path):
    script, path = tmp_path / "script.py", tmp_path / "rows"
    script.write_text(SCRIPT)
    for act in ("write", "read"):
        subprocess.run([sys.executable, script, path, act], check=True)
    row, cls, red = PickleSerializer().loads(path.read_bytes())
    assert type(row) is cls
    assert row.colour is red().colour
    assert row.colour.name == "RED"


@pytest.mark.parametrize(
    "value",
    [
        Point(1, dt.date(2024, 1, 2)),
        Derived(3),
        Frozen(1),
        Pair(1, [dt.time(1, 2), Pair(2, None)]),
        Colour.RED,
        Model(n=1, at=dt.datetime(2024, 1, 2, tzinfo=dt.UTC)),
        dt.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
        dt.timedelta(days=-1, microseconds=3),
        {"deep": [UUID(int=7), Decimal("1.50"), PurePosixPath("a/b")]},
        {1, 2},
        frozenset({"a"}),
        b"\x00\xff",
        bytearray(b"ab"),
        1 + 2j,
        float("inf"),
        "\ud800",
    ],
    ids=repr,
)
def test_json_gives_types_back_that_it_has_no_form_for(value):
    serializer = JSONSerializer()
    back = serializer.loads(serializer.dumps(value))
    assert back == value
    assert type(back) is type(value)


def test_json_takes_the_fields_of_a_dataclass_and_nothing_else_of_it():
    made = JSONSerializer().loads(JSONSerializer().dumps(Seeded(1, 2)))
    assert vars(made) == {"n": 3}
    assert made.kinds is Seeded.kinds


def test_json_gives_errors_back():
    serializer = JSONSerializer()
    errors = [ValueError("x", 1), Own(7, "text"), Narrow(3)]
    back = serializer.loads(serializer.dumps(errors))
    assert [repr(one) for one in back] == [repr(one) for one in errors]
    assert [type(one) for one in back] == [ValueError, Own, Narrow]
    assert back[1].code == 7


def test_json_refuses_what_it_could_not_give_back():
    @dataclasses.dataclass
    class Inner:
        a: int

    for value in (Inner(1), lambda: 1, object(), sys.stdout):
        with pytest.raises(SerializationError, match="TypeError"):
            written(JSONSerializer(), value)


def test_json_of_others_makes_no_objects_of_foreign_classes():
    blob = b'{"__flowstone_class__": "subprocess:Popen", "data": {"args": "true"}}'
    with pytest.raises(TypeError, match="JSON has no form for a Popen"):
        JSONSerializer().loads(blob)


def test_own_serializers_need_a_type_and_two_functions():
    class Csv(Serializer):
        type: Literal["csv"] = "csv"
        separator: str = ","

        def dumps(self, obj):
            return self.separator.join(map(str, obj)).encode()

        def loads(self, blob):
            return [int(part) for part in blob.decode().split(self.separator)]

    assert serializer_of("csv") == Csv()
    assert Csv(separator=";").loads(Csv(separator=";").dumps([1, 2])) == [1, 2]
    assert Csv(separator=";") != Csv()
    assert repr(Csv(separator=";")) == "Csv(separator=';')"
    with pytest.raises(TypeError, match=r"no option 'seperator'.*'separator'"):
        Csv(seperator=";")
    compressed = CompressedSerializer(serializer="csv")
    assert compressed.loads(compressed.dumps([3])) == [3]


def test_a_serializer_without_its_functions_says_so():
    class Empty(Serializer):
        type = "empty"

    with pytest.raises(SerializationError, match="Empty has no `dumps`"):
        written(Empty(), 1)


def frames():
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    pyarrow = pytest.importorskip("pyarrow")
    moments = pandas.to_datetime(["2024-01-01", "2024-01-03", None])
    return {
        "pandas": pandas.DataFrame(
            {"n": [1, 2, 3], "f": [0.5, None, 1], "b": [True, False, True], "t": moments},
        ),
        "pandas with an index": pandas.DataFrame({"n": [1, 2]}, index=[7, 9]),
        "pandas with texts": pandas.DataFrame({"s": pandas.array(["a", None], dtype="string")}),
        "polars": polars.DataFrame({"n": [1, None], "s": ["a", "ü"]}).with_columns(
            d=polars.lit(dt.date(2024, 1, 2)), m=polars.lit(dt.timedelta(seconds=3))
        ),
        "pyarrow": pyarrow.table({"n": [1, 2], "s": ["a", None]}),
    }


def is_same(one, other):
    if type(one) is not type(other):
        return False
    if type(one).__module__.startswith("pandas"):
        import pandas.testing

        pandas.testing.assert_frame_equal(one, other)
        return True
    return one.equals(other)


@pytest.mark.parametrize(
    "name", ["pandas", "pandas with an index", "pandas with texts", "polars", "pyarrow"]
)
def test_frames_are_kept_as_arrow_where_nobody_chose(name, tmp_path):
    frame = frames()[name]
    keeper = Keeper(Directory(str(tmp_path)))
    keeper.save("k", frame, created=0)
    kept = keeper.load("k", 0)
    assert kept.header.serializer == "arrow"
    assert is_same(kept.value, frame)
    chosen = Keeper(Directory(str(tmp_path)), serializer=PickleSerializer())
    chosen.save("k", frame, created=0)
    assert chosen.load("k", 0).header.serializer == "pickle"


def test_a_pandas_frame_that_arrow_would_change_is_pickled(tmp_path):
    pandas = pytest.importorskip("pandas")
    keeper = Keeper(Directory(str(tmp_path)))
    noted = pandas.DataFrame({"n": [1]})
    noted.attrs["unit"] = "m"
    changed = [
        pandas.DataFrame({"o": pandas.Series([(1, 2), {3}], dtype=object)}),
        pandas.DataFrame({"o": pandas.Series([None, float("nan")], dtype=object)}),
        pandas.DataFrame({1: [1]}),
        pandas.DataFrame({"n": [1, 2]}, index=pandas.date_range("2024-01-01", periods=2)),
        pandas.DataFrame([[1, 2]], columns=pandas.MultiIndex.from_tuples([("a", 1), ("a", 2)])),
        pandas.DataFrame({"c": pandas.Categorical(["x", "y"])}),
        noted,
    ]
    for frame in changed:
        keeper.save("k", frame, created=0)
        kept = keeper.load("k", 0)
        assert kept.header.serializer == "pickle"
        assert is_same(kept.value, frame)
        assert kept.value.attrs == frame.attrs


@pytest.mark.parametrize("kind", [ArrowSerializer, ParquetSerializer])
@pytest.mark.parametrize("name", ["pandas", "polars", "pyarrow"])
def test_arrow_and_parquet_can_be_chosen_for_frames_alone(kind, name):
    frame = frames()[name]
    assert is_same(kind().loads(kind().dumps(frame)), frame)
    with pytest.raises(SerializationError, match="not a dict"):
        written(kind(), {"a": 1})


def test_what_parquet_wrote_other_programs_read(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "file").write_bytes(ParquetSerializer().dumps(frames()["pandas"]))
    assert parquet.read_table(tmp_path / "file").column_names == ["n", "f", "b", "t"]
