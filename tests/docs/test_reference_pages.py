"""The pages that are made of the program leave nothing of it out."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from flowstone.settings.declared import KNOWN, VARIABLES
from tests.cli.test_main import every_command

pytestmark = pytest.mark.timeout(120)  # the whole source is parsed
SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def scripts():
    """Give what loads a module of the folder `scripts`."""
    sys.path.insert(0, str(SCRIPTS))
    yield import_module
    sys.path.remove(str(SCRIPTS))


def test_the_page_of_commands_has_the_help_of_every_command(scripts):
    page = scripts("reference_pages").commands_page()
    for words, command in every_command():
        assert f" flowstone {' '.join(words)}\n" in page
        assert f"usage: flowstone {' '.join(words)} " in page
        assert command.example in page


def test_the_page_of_settings_says_of_every_setting_what_it_is_for(scripts):
    page = scripts("reference_pages").settings_page()
    what = scripts("setting_texts").WHAT
    assert set(what) == set(KNOWN)
    for name in VARIABLES:
        assert page.count(f"| `{name}` |") == 1


def test_no_module_imports_itself_over_others(scripts):
    assert "No cycle of imports." in scripts("architecture").page()


def test_a_cycle_of_imports_is_found(scripts):
    architecture = scripts("architecture")
    one, other = (
        architecture.Module(name, 1, 1, [], {imported}) for name, imported in ("ab", "ba")
    )
    assert "There is a cycle of imports: " in architecture._cycles([one, other])


def test_every_module_of_the_package_belongs_to_a_part(scripts):
    architecture = scripts("architecture")
    assert {one.part for one in architecture.modules()} == set(architecture.ABOUT)
