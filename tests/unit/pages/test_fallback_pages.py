"""Is a model that only its fallback answers for told apart from one that is well?"""

from __future__ import annotations

from tenure import pages
from tenure.records import GateVerdict
from tenure.workspace import Workspace
from tests.unit.pages.test_loop_pages import text_of
from tests.unit.registry import lives


def test_a_fallback_in_office_is_called_one_on_both_pages(workspace: Workspace) -> None:
    lives.bare_version(workspace)
    lives.bare_version(workspace, tag="dummy", verdict=GateVerdict.FALLBACK)
    lives.promote(workspace, 1, 0)
    assert "fallback" not in text_of(pages.write_index(workspace))
    lives.promote(workspace, 2, 1, reason="Version 1 was retired.")
    life = text_of(pages.write_model_page("fraud", workspace))
    assert "Version 2, a fallback, has served since" in life
    assert "The fallback answers" in life
    assert "tenure train fraud" in life
    fleet = text_of(pages.write_index(workspace))
    assert "version 2 fallback" in fleet
    assert "a version that is fit" in fleet
