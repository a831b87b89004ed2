from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from flowstone.core.facts import LineLogged
from flowstone.core.states import TYPES
from flowstone.log.frames import frame, seed_of
from flowstone.log.records import FORMAT, Record
from flowstone.log.writer import LogWriter

LOG = b"\x01" * 16
PAGE = (Path(__file__).parents[2] / "docs" / "log-format.md").read_text()
SECTIONS = {
    int(number): section
    for heading, section in re.findall(
        r"^### (\d.*?)$(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
    for number in re.findall(r"\d+", heading)
}


@pytest.mark.parametrize("kind", get_args(Record), ids=lambda kind: kind.__name__)
def test_the_page_names_each_field_of_each_record_in_order(kind):
    section = SECTIONS[kind.__struct_config__.tag]
    documented = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert documented == list(kind.__struct_fields__)


@pytest.mark.parametrize("kind", get_args(Record), ids=lambda kind: kind.__name__)
def test_the_page_marks_the_fields_that_may_be_missing(kind):
    section = SECTIONS[kind.__struct_config__.tag]
    optional = re.findall(r"^\| `(\w+)` \| [^|]* = ", section, re.MULTILINE)
    fields = msgspec.structs.fields(kind)
    assert optional == [field.name for field in fields if not field.required]


def test_the_page_documents_no_record_that_there_is_not():
    assert sorted(SECTIONS) == sorted(kind.__struct_config__.tag for kind in get_args(Record))


def test_the_page_numbers_the_state_types():
    assert ", ".join(f"{number} {kind.value}" for number, kind in enumerate(TYPES)) in PAGE


def test_the_pages_example_is_a_frame():
    example = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)[1]
    written = bytes.fromhex("".join(line[:13].split("  ")[0] for line in example.splitlines()))
    assert written == frame(b"\x92\x0d\x01", seed_of(b"\x01" * 16))
    assert PAGE.startswith(f"# The log format\n\nVersion {FORMAT}.")


def test_the_documented_layout_is_the_one_written(tmp_path):
    log = LogWriter(str(tmp_path), LOG, version="1.0")
    log.append(LineLogged(None, None, 5, 20, "test", "hello"))
    path = tmp_path / f"{LOG.hex()}.000000.log"
    raw = path.read_bytes()
    length = int.from_bytes(raw[:4], "little")
    record = msgspec.msgpack.decode(raw[8 : 8 + length])
    assert record[:4] == [0, FORMAT, LOG, 0]
