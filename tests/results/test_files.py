from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from flowstone.results.files import (
    SMALL,
    File,
    FileFacts,
    file_facts,
    invalid_file,
    still_valid,
)


@dataclasses.dataclass
class Report:
    path: Path
    n: int


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("a,b\n")
    return path


SHAPES = {
    "alone": lambda path: path,
    "marked": File,
    "in a list": lambda path: [1, path],
    "in a tuple in a dict": lambda path: {"out": (path, 2)},
    "in a dataclass": lambda path: Report(path, 1),
    "in a set": lambda path: {path},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_result_is_good_while_its_file_is_as_it_was(made, shape):
    facts = file_facts(SHAPES[shape](made))
    assert [each.path for each in facts] == [str(made)]
    assert still_valid(facts)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_result_whose_file_changed_is_not_good_any_more(made, shape):
    facts = file_facts(SHAPES[shape](made))
    made.write_text("x,y\n")
    os.utime(made, ns=(0, 0))
    assert not still_valid(facts)
    assert invalid_file(facts) == f"{made} has changed"


def test_a_result_whose_file_is_gone_is_not_good_any_more(made):
    facts = file_facts([made])
    made.unlink()
    assert invalid_file(facts) == f"{made} is gone (No such file or directory)"


def test_a_file_that_was_only_touched_or_copied_back_is_what_it_was(made):
    facts = file_facts(made)
    os.utime(made, ns=(1, 1))
    assert still_valid(facts)


def test_a_large_file_counts_by_size_and_time_unless_its_content_is_asked_for(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(b"0" * (SMALL + 1))
    plain, whole = file_facts(path), file_facts(File(path, checksum=True))
    assert plain[0].checksum is None
    times = path.stat()
    path.write_bytes(b"0" * SMALL + b"1")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert still_valid(plain)
    assert not still_valid(whole)
    os.utime(path, ns=(5, 5))
    assert not still_valid(plain)


def test_the_stricter_mark_holds_where_a_file_is_named_twice(made):
    for value in ([made, File(made, checksum=True)], [File(made, checksum=True), made]):
        assert [each.is_checked for each in file_facts(value)] == [True]


def test_of_a_folder_only_its_being_there_counts(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    facts = file_facts(folder)
    (folder / "more").write_text("")
    assert still_valid(facts)
    (folder / "more").unlink()
    folder.rmdir()
    assert not still_valid(facts)
    folder.write_text("a file now")
    assert not still_valid(facts)


def test_a_path_where_nothing_is_promises_nothing(tmp_path):
    assert file_facts([tmp_path / "later", File("\0"), Path("s3://bucket/key")]) == []


def test_texts_and_other_values_name_no_files(made):
    assert file_facts([str(made), 1, None, {"a": "b"}, object()]) == []


def test_a_value_that_holds_itself_is_looked_at_to_an_end(made):
    around = [made]
    around.append(around)
    assert len(file_facts(around)) == 1


def test_facts_can_be_kept_beside_a_result(made):
    facts = file_facts(made)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(facts), type=list[FileFacts]) == facts


def test_a_marked_file_is_a_path(made):
    marked = File(made)
    assert (os.fspath(marked), str(marked)) == (str(made), str(made))
    assert Path(marked).read_text() == "a,b\n"


def test_looking_for_files_does_not_load_pathlib():
    program = (
        "import sys; from flowstone.results.files import file_facts; "
        "file_facts([1, 'a']); sys.exit('pathlib' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-S", "-c", program],
            check=False,
            env={"PYTHONPATH": ":".join(sys.path)},
        ).returncode
        == 0
    )
