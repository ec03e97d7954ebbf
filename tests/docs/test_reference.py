"""Does every command, key and error stand in the reference, as it is?"""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["spec.md", "commands.md", "errors.md"])
def test_a_page_says_what_the_code_says(generate, page):
    written = (DOCS / "reference" / page).read_text(encoding="utf-8")
    assert written == generate.PAGES[page](), "`make docs` writes it anew"


def test_every_command_is_there(generate):
    from tenure.cli.app import VERBS

    text = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    assert [name for name in VERBS if f"## `tenure {name}`" not in text] == []


def test_every_error_that_can_be_raised_is_there(generate):
    from tenure import errors

    text = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    named = [name for name, kind in vars(errors).items() if isinstance(kind, type)]
    told = [name for name in named if name not in {"TenureError", "Any", "Formatter", "ClassVar"}]
    assert [name for name in told if f"## {name}\n" not in text] == []
