from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flowstone.exceptions import ConfigurationError, OutsideStorage, StorageError
from flowstone.results.directory import WRITING, Directory
from flowstone.results.filesystems import LocalFileSystem, RemoteFileSystem, storage_at
from flowstone.results.remote import Remote
from flowstone.results.storage import name_of


def contents(storage):
    return {entry.name: entry.size for entry in storage.entries()}


def test_what_is_written_can_be_read_listed_and_deleted(storage):
    assert storage.read("a") is None
    assert storage.stamp("a") is None
    assert contents(storage) == {}
    storage.write("a", (b"12", b"345"))
    storage.write("deep/er/b", (b"6",))
    storage.write("a", (b"789",))
    assert storage.read("a")[0] == b"789"
    assert storage.read("deep/er/b")[0] == b"6"
    assert storage.read("a", 2)[0] == b"78"
    assert storage.stamp("a") is not None
    assert contents(storage) == {"a": 3, "deep/er/b": 1}
    assert all(entry.written > 1e18 for entry in storage.entries())
    assert storage.delete("a") is True
    assert storage.delete("a") is False
    assert contents(storage) == {"deep/er/b": 1}


@pytest.mark.parametrize("name", ["../a", "a/../../b", "/etc/passwd", "..", "a\0/b"])
def test_a_name_that_leads_out_is_refused(storage, name):
    for act in (storage.read, storage.stamp, storage.delete, lambda n: storage.write(n, (b"1",))):
        with pytest.raises(ValueError) as info:
            act(name)
        assert isinstance(info.value, OutsideStorage) or "null" in str(info.value)


def test_symbolic_links_are_not_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    storage = Directory(str(tmp_path / "results"))
    storage.write("a", (b"1",))
    (tmp_path / "results" / "file").symlink_to(outside / "secret")
    (tmp_path / "results" / "folder").symlink_to(outside)
    for name in ("file", "folder/secret"):
        with pytest.raises(OutsideStorage, match="symbolic link"):
            storage.read(name)
    with pytest.raises(OutsideStorage, match="symbolic link"):
        storage.write("folder/new", (b"1",))
    storage.write("file", (b"mine",))  # the link is replaced, not what it leads to
    assert (outside / "secret").read_bytes() == b"secret"
    assert storage.read("file")[0] == b"mine"


def test_a_directory_that_is_itself_a_link_works(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    storage = Directory(str(tmp_path / "link"))
    storage.write("deep/a", (b"1",))
    assert storage.read("deep/a")[0] == b"1"


def test_results_are_private_unless_their_directory_is_not(tmp_path):
    Directory(str(tmp_path / "own")).write("deep/a", (b"1",))
    for path in ("own", "own/deep", f"own/{WRITING}"):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "own/deep/a").stat().st_mode) == 0o600
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    Directory(str(shared)).write("a", (b"1",))
    assert stat.S_IMODE((shared / "a").stat().st_mode) & 0o044 == 0o044 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_failed_write_leaves_what_was_there_and_no_temporary_file(tmp_path, monkeypatch):
    storage = Directory(str(tmp_path))
    storage.write("a", (b"before",))

    def full(fd, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(StorageError, match=r"Could not write 'a' .* No space left"):
            storage.write("a", (b"after",))
    assert storage.read("a")[0] == b"before"
    assert list((tmp_path / WRITING).iterdir()) == []


def test_short_writes_are_finished(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:1000]))
    storage = Directory(str(tmp_path))
    storage.write("a", (b"x" * 2500, b"y" * 70_000))
    assert storage.read("a")[0] == b"x" * 2500 + b"y" * 70_000


def test_a_directory_that_is_removed_meanwhile_is_made_again(tmp_path):
    storage = Directory(str(tmp_path / "results"))
    storage.write("a", (b"1",))
    os.rename(tmp_path / "results", tmp_path / "gone")
    storage.write("a", (b"2",))
    assert storage.read("a")[0] == b"2"


DYING = """
import os, sys, fcntl
from flowstone.results.directory import Directory
folder = sys.argv[1]
os.replace = lambda *names: (print("here", flush=True), sys.stdin.read())
Directory(folder).write("a", (b"never whole",))
"""


def test_what_a_killed_writer_left_is_removed_at_the_next_start_and_what_lives_is_not(tmp_path):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", DYING, tmp_path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout.readline() == b"here\n"
    writers[0].kill()
    writers[0].wait()
    assert len(list((tmp_path / WRITING).iterdir())) == 2
    assert Directory(str(tmp_path)).read("a") is None  # the next start, which only reads
    assert len(list((tmp_path / WRITING).iterdir())) == 1
    writers[1].kill()
    for writer in writers:
        writer.communicate()
    assert list(Directory(str(tmp_path)).entries()) == []
    assert list((tmp_path / WRITING).iterdir()) == []


def test_a_file_that_is_swept_before_its_writer_locks_it_is_written_again(tmp_path, monkeypatch):
    storage = Directory(str(tmp_path))
    storage.write("a", (b"1",))
    swept = []

    def sweeping(fd):
        if not swept:
            swept.extend((tmp_path / WRITING).iterdir())
            Directory(str(tmp_path)).read("a")

    monkeypatch.setattr("flowstone.results.directory.lock", sweeping)
    storage.write("a", (b"2",))
    assert len(swept) == 1
    assert storage.read("a")[0] == b"2"
    assert list((tmp_path / WRITING).iterdir()) == []


def test_with_sync_the_file_is_on_the_disk_before_its_name_is(tmp_path, monkeypatch):
    said = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: said.append("fsync") or fsync(fd))
    monkeypatch.setattr(os, "replace", lambda a, b: said.append("replace") or replace(a, b))
    Directory(str(tmp_path)).write("a", (b"1",))
    assert said == ["replace"]
    Directory(str(tmp_path), sync=True).write("a", (b"1",))
    assert said == ["replace", "fsync", "replace", "fsync"]


def test_a_read_only_directory_can_be_read(tmp_path, monkeypatch):
    Directory(str(tmp_path)).write("a", (b"1",))
    (tmp_path / WRITING / "left").write_bytes(b"by a dead writer")
    storage = Directory(str(tmp_path))
    opening = os.open

    def read_only(path, flags, *mode):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(30, "Read-only file system")
        return opening(path, flags, *mode)

    def refuse(*names):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "open", read_only)
    monkeypatch.setattr(os, "unlink", refuse)
    assert storage.read("a")[0] == b"1"
    with pytest.raises(StorageError, match=r"Could not write 'b' .* Read-only file system"):
        storage.write("b", (b"1",))


def test_a_place_that_cannot_be_made_is_an_error_with_its_reason(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    storage = Directory(str(tmp_path / "file" / "results"))
    assert storage.read("a") is None
    with pytest.raises(StorageError, match="Not a directory"):
        storage.write("a", (b"1",))


def test_a_pipe_among_the_results_holds_nobody_up(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="is no file"):
        Directory(str(tmp_path)).read("pipe")


@pytest.mark.parametrize("stamped", [True, False])
def test_a_folder_where_a_result_should_be_is_told_and_why(tmp_path, stamped):
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match="is no file") as told:
        Directory(str(tmp_path)).read("folder", stamped=stamped)
    assert type(told.value.__cause__) is not StorageError  # an error is not its own cause


def test_an_s3_that_is_down_is_an_error_with_its_reason():
    pytest.importorskip("s3fs")
    settings = {
        "key": "k",
        "secret": "s",
        "endpoint_url": "http://127.0.0.1:9",
        "config_kwargs": {"retries": {"max_attempts": 0}, "connect_timeout": 1},
    }
    storage = Remote("s3://results/x", settings)
    for act in (storage.read, storage.stamp, lambda n: storage.write(n, (b"1",))):
        with pytest.raises(StorageError, match=r"s3://results/x.*reached"):
            act("a")


def test_a_bucket_that_is_not_there_has_nothing_and_takes_nothing(s3_endpoint):
    from tests.results.conftest import s3_settings

    storage = Remote("s3://nowhere/x", s3_settings(s3_endpoint))
    assert storage.read("a") is None
    with pytest.raises(StorageError, match="Could not write 'a' at s3://nowhere/x"):
        storage.write("a", (b"1",))


def test_a_url_that_no_file_system_is_for_says_what_to_install():
    with pytest.raises(ConfigurationError, match="No file system for nope://x"):
        Remote("nope://x").read("a")


def test_users_name_a_storage_by_path_url_or_file_system(tmp_path):
    assert storage_at(tmp_path).place == str(tmp_path)
    assert storage_at(Path("~/x")).place == os.path.expanduser("~/x")
    assert storage_at(f"file://{tmp_path}").place == str(tmp_path)
    assert storage_at("memory://x").place == "memory://x"
    assert storage_at(LocalFileSystem(basepath=tmp_path)).place == str(tmp_path)
    assert storage_at(RemoteFileSystem("memory://x", settings={})).place == "memory://x"


@pytest.mark.parametrize(
    ("place", "error"), [("local-file-system/mine", ValueError), (7, TypeError), (b"x", TypeError)]
)
def test_what_is_no_storage_is_refused_with_what_to_give(place, error):
    with pytest.raises(error, match=r"pathlib\.Path"):
        storage_at(place)


def test_a_remote_file_system_needs_a_url_and_does_not_show_its_secrets():
    with pytest.raises(ValueError, match="LocalFileSystem"):
        RemoteFileSystem("/tmp/x")
    assert "hidden" not in repr(RemoteFileSystem("s3://x", settings={"secret": "hidden"}))


def test_file_systems_read_and_write_files(place):
    place.write_path("some/.file", b"1")
    assert place.read_path("some/.file") == b"1"
    with pytest.raises(ValueError, match="no 'other'"):
        place.read_path("other")


@pytest.mark.parametrize(
    "key", ["0123abc-def", "reports/2024.json", "add-{x} 1", "Größe", "a" * 200]
)
def test_a_key_is_the_name_of_its_file(key, tmp_path):
    assert name_of(key) == key


@pytest.mark.parametrize("key", ["", ".hidden", "a//b", "x" * 201 + "/y", "a\nb", "\ud800", "a\0"])
def test_a_key_that_can_be_no_name_is_hashed(key, tmp_path):
    name = name_of(key)
    assert name.startswith("key-")
    assert len(name) == 36
    storage = Directory(str(tmp_path))
    storage.write(name, (b"1",))
    assert [entry.name for entry in storage.entries()] == [name]
