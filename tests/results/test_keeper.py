from __future__ import annotations

import pickle
import subprocess
import sys
import threading

import pytest

from flowstone.exceptions import SerializationError, StorageError, UnreadableResult
from flowstone.results import serializers
from flowstone.results.directory import Directory
from flowstone.results.filesystems import storage_at
from flowstone.results.keeper import Keeper
from flowstone.results.memory import Memory
from flowstone.results.records import FIRST_READ
from flowstone.results.serializers import Serializer

NOW = 1_700_000_000_000_000_000


def keep(keeper, key="k", value=None, **options):
    return keeper.save(key, {"n": [1, 2]} if value is None else value, created=NOW, **options)


@pytest.fixture(params=["whole", "split"])
def keeper(request, storage):
    if request.param == "whole":
        yield Keeper(storage)
        return
    keys = storage_at(f"memory://{request.node.name}")
    yield Keeper(storage, keys=keys)
    for entry in list(keys.entries()):
        keys.delete(entry.name)


def test_a_value_comes_back_with_what_is_known_of_it(keeper):
    size = keep(keeper, expires=NOW + 5, fingerprint="abc", seconds=1.5)
    kept = keeper.load("k", NOW)
    assert kept.value == {"n": [1, 2]}
    assert kept.header.key == "k"
    assert (kept.header.created, kept.header.expires) == (NOW, NOW + 5)
    assert (kept.header.fingerprint, kept.header.seconds) == ("abc", 1.5)
    assert kept.header.size == size
    assert keeper.load("other", NOW) is None


@pytest.mark.parametrize("value", [None, 0, "", [], b""])
def test_a_value_that_looks_like_nothing_is_a_result_too(tmp_path, value):
    keeper = Keeper(Directory(str(tmp_path)))
    keeper.save("k", value, created=NOW)
    assert keeper.load("k", NOW).value == value


def test_a_result_whose_time_is_over_is_not_there(keeper):
    keep(keeper, expires=NOW + 5)
    assert keeper.exists("k", NOW + 4)
    assert keeper.load("k", NOW + 4) is not None
    assert not keeper.exists("k", NOW + 5)
    assert keeper.load("k", NOW + 5) is None


def test_what_is_kept_again_replaces_what_was_there(keeper):
    keep(keeper, value="before" * 100)
    keep(keeper, value="after")
    assert keeper.load("k", NOW).value == "after"
    assert [found.header.key for found in keeper.entries()] == ["k"]
    assert len(list(keeper.storage.entries())) == 1  # the old payload is gone too


def test_what_is_deleted_is_gone_with_its_payload(keeper):
    keep(keeper)
    keep(keeper, "odd\nkey")
    assert keeper.delete("k") is True
    assert keeper.delete("k") is False
    assert keeper.load("k", NOW) is None
    assert keeper.delete("odd\nkey") is True
    assert list(keeper.storage.entries()) == []


def test_the_records_are_listed_without_reading_payloads(keeper):
    keep(keeper, "a", value="x" * 10_000, seconds=2.0)
    keep(keeper, "b/c", fingerprint="f" * 2 * FIRST_READ)
    found = {one.header.key: one for one in keeper.entries()}
    assert set(found) == {"a", "b/c"}
    assert found["a"].size > 10_000
    assert found["a"].header.seconds == 2.0
    assert found["b/c"].header.fingerprint == "f" * 2 * FIRST_READ
    assert all(one.problem is None for one in found.values())


def test_in_a_split_store_the_payload_is_the_serializers_bytes_alone(tmp_path):
    keeper = Keeper(
        Directory(str(tmp_path / "values")),
        keys=Directory(str(tmp_path / "keys")),
        serializer=serializers.serializer_of("json"),
    )
    keep(keeper, value={"a": 1})
    assert [path.name for path in (tmp_path / "keys").glob("[!.]*")] == ["k"]
    (payload,) = (tmp_path / "values").glob("[!.]*")
    assert payload.read_bytes() == b'{"a": 1}'
    payload.unlink()
    with pytest.raises(UnreadableResult, match=r"its payload .* is gone"):
        keeper.load("k", NOW)


def damaged(storage, name, change):
    data = bytearray(storage.read(name)[0])
    storage.write(name, (bytes(change(data)),))


def flip(at):
    def change(data):
        data[at] ^= 1
        return data

    return change


DAMAGES = {
    "cut in the payload": (lambda data: data[:-1], "the payload has"),
    "cut in the header": (lambda data: data[:40], "cut short"),
    "cut in the beginning": (lambda data: data[:5], "only 5 bytes"),
    "empty": (lambda data: b"", "only 0 bytes"),
    "longer": (lambda data: data + b"x", "the payload has"),
    "rotten payload": (flip(-1), "checksum of its payload"),
    "rotten header": (flip(30), "checksum of its header"),
    "foreign": (lambda data: b"PK\x03\x04 a spreadsheet of somebody", "no result's file"),
    "a short foreign one": (lambda data: b"PK", "no result's file"),
    "zeroed": (lambda data: bytes(len(data)), "no result's file"),
    "newer": (flip(7), "a newer Flowstone"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_told_and_never_an_answer(storage, name):
    change, reason = DAMAGES[name]
    keeper = Keeper(storage)
    keep(keeper)
    damaged(storage, "k", change)
    with pytest.raises(UnreadableResult, match=rf"under 'k' in .* cannot be used: .*{reason}"):
        keeper.load("k", NOW)
    assert len(list(keeper.entries())) == 1  # and listing goes on
    keep(keeper)
    assert keeper.load("k", NOW).value == {"n": [1, 2]}


def test_every_single_flipped_bit_is_found(tmp_path):
    storage = Directory(str(tmp_path))
    keeper = Keeper(storage)
    keep(keeper, value=[1, 2, 3])
    whole = storage.read("k")[0]
    for at in range(len(whole)):
        storage.write("k", (whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :],))
        with pytest.raises(UnreadableResult):
            keeper.load("k", NOW)


def test_every_cut_is_found(tmp_path):
    storage = Directory(str(tmp_path))
    keeper = Keeper(storage)
    keep(keeper, value=[1, 2, 3])
    whole = storage.read("k")[0]
    for length in range(len(whole)):
        storage.write("k", (whole[:length],))
        with pytest.raises(UnreadableResult):
            keeper.load("k", NOW)


def test_a_split_payload_that_is_rotten_is_told(tmp_path):
    storage = Directory(str(tmp_path / "values"))
    keeper = Keeper(storage, keys=Directory(str(tmp_path / "keys")))
    keep(keeper)
    (entry,) = storage.entries()
    damaged(storage, entry.name, flip(3))
    with pytest.raises(UnreadableResult, match="checksum of its payload"):
        keeper.load("k", NOW)


def test_the_result_of_another_key_is_no_answer(storage):
    keeper = Keeper(storage)
    keep(keeper, "mine")
    storage.write("yours", (storage.read("mine")[0],))
    with pytest.raises(UnreadableResult, match="another key, 'mine'"):
        keeper.load("yours", NOW)


def test_an_unknown_serializer_is_told_and_its_header_can_be_read(storage):
    class Passing(Serializer):
        type = "passing"

        def dumps(self, obj):
            return b"1"

        def loads(self, blob):
            return 1

    keep(Keeper(storage, serializer=Passing()))
    Passing.type = ""  # as in a process that never imported it
    keeper = Keeper(storage)
    with pytest.raises(RuntimeError, match="'passing' is not available in this environment"):
        keeper.load("k", NOW)
    (found,) = keeper.entries()
    assert found.header.serializer == "passing"


def test_a_class_that_is_gone_is_told_with_its_name(tmp_path):
    program = """
import sys, types
sys.modules["gone"] = module = types.ModuleType("gone")
class Thing: pass
Thing.__module__, Thing.__qualname__, module.Thing = "gone", "Thing", Thing
from flowstone.results.keeper import Keeper
from flowstone.results.directory import Directory
Keeper(Directory(sys.argv[1])).save("k", Thing(), created=0)
"""
    subprocess.run([sys.executable, "-c", program, tmp_path], check=True)
    with pytest.raises(UnreadableResult, match="No module named 'gone'"):
        Keeper(Directory(str(tmp_path))).load("k", NOW)


def test_a_value_that_cannot_be_written_leaves_what_was_there(keeper):
    keep(keeper, value="before")
    with pytest.raises(SerializationError, match=r"cannot write a lock.*result_serializer"):
        keep(keeper, value=threading.Lock())
    assert keeper.load("k", NOW).value == "before"


def test_a_serializer_that_gives_no_bytes_is_told(tmp_path):
    class Wrong(Serializer):
        type = "wrong"

        def dumps(self, obj):
            return "text"

    with pytest.raises(SerializationError, match="must return bytes, and returned str"):
        keep(Keeper(Directory(str(tmp_path)), serializer=Wrong()))


def test_a_read_only_storage_is_an_error_of_the_storage(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        keep(Keeper(Directory(str(tmp_path / "file"))))


def test_an_own_serializer_reads_with_what_it_was_made_with(tmp_path):
    class Shifting(Serializer):
        type = "shifting"
        secret: int = 0

        def dumps(self, obj):
            return bytes((byte + self.secret) % 256 for byte in pickle.dumps(obj))

        def loads(self, blob):
            return pickle.loads(bytes((byte - self.secret) % 256 for byte in blob))

    keeper = Keeper(Directory(str(tmp_path)), serializer=Shifting(secret=7))
    keep(keeper, value="told")
    assert keeper.load("k", NOW).value == "told"
    assert b"secret" not in (tmp_path / "k").read_bytes()


def test_results_at_hand_are_the_same_object_until_their_file_is_another_one(tmp_path):
    memory = Memory()
    keeper = Keeper(Directory(str(tmp_path)), memory=memory)
    value = [1]
    keep(keeper, value=value)
    assert keeper.load("k", NOW).value is value
    other = Keeper(Directory(str(tmp_path)))
    keep(other, value=[2])
    assert keeper.load("k", NOW).value == [2]
    assert keeper.load("k", NOW).value is keeper.load("k", NOW).value
    (tmp_path / "k").unlink()
    assert keeper.load("k", NOW) is None


def test_results_at_hand_end_with_their_time_too(tmp_path):
    keeper = Keeper(Directory(str(tmp_path)), memory=Memory())
    keep(keeper, expires=NOW + 5)
    assert keeper.load("k", NOW + 4) is not None
    assert keeper.load("k", NOW + 5) is None


def test_stores_that_share_a_memory_do_not_share_results(tmp_path):
    memory = Memory()
    keepers = [Keeper(Directory(str(tmp_path / name)), memory=memory) for name in "ab"]
    keep(keepers[0], value="a")
    assert keepers[1].load("k", NOW) is None


def test_the_memory_has_a_bound_in_bytes_and_keeps_what_was_used_last(tmp_path):
    memory = Memory(100_000)
    keeper = Keeper(Directory(str(tmp_path)), memory=memory)
    for name in "abcdefgh":
        keep(keeper, name, value=name.encode() * 20_000)
        keeper.load("a", NOW)
    held = {name for name in "abcdefgh" if memory.get(keeper.keys.place, name)}
    assert held == {"a", "f", "g", "h"}
    keep(keeper, "big", value=b"x" * 30_000)
    assert memory.get(keeper.keys.place, "big") is None
    assert keeper.load("big", NOW).value == b"x" * 30_000


def test_a_failed_save_forgets_what_was_at_hand_of_the_storage_only(tmp_path, monkeypatch):
    keeper = Keeper(Directory(str(tmp_path)), memory=Memory())
    keep(keeper, value="before")

    def refuse(*args):
        raise StorageError("full")

    monkeypatch.setattr(keeper.storage, "write", refuse)
    with pytest.raises(StorageError):
        keep(keeper, value="after")
    assert keeper.load("k", NOW).value == "before"


def test_many_threads_share_a_memory(tmp_path):
    keeper = Keeper(Directory(str(tmp_path)), memory=Memory(20_000))
    wrong = []

    def work(seed):
        for n in range(100):
            key = str((seed * 7 + n) % 9)
            keeper.save(key, key * 1000, created=NOW)
            kept = keeper.load(key, NOW)
            if kept is None or kept.value != key * 1000:
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    held = keeper._memory._held.values()
    assert keeper._memory._used == sum(header.size + 512 for _, header, _ in held) <= 20_000


def test_a_local_hit_loads_nothing_heavy(tmp_path):
    keep(Keeper(Directory(str(tmp_path))))
    program = """
import sys
from flowstone.results.keeper import Keeper
from flowstone.results.directory import Directory
assert Keeper(Directory(sys.argv[1])).load("k", 1).value == {"n": [1, 2]}
heavy = "fsspec pydantic cloudpickle asyncio json pathlib socket hashlib logging pyarrow"
found = [name for name in heavy.split() if name in sys.modules]
assert not found, found
"""
    subprocess.run([sys.executable, "-I", "-c", program, tmp_path], check=True)


def test_of_files_of_others_only_the_beginning_is_read(tmp_path):
    class Counted(Directory):
        most = 0

        def read(self, name, most=None, *, stamped=False):
            self.most = max(self.most, most or 0)
            return super().read(name, most, stamped=stamped)

    (tmp_path / "table.csv").write_text(10_000 * "one,two,three\n")
    storage = Counted(str(tmp_path))
    (found,) = Keeper(storage).entries()
    assert not found.is_ours
    assert storage.most == FIRST_READ
