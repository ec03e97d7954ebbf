"""Do the pages show what Evidently really saw, with windows' pages that lead there and back?"""

from __future__ import annotations

from tenure import page, pages
from tenure.records import Severity
from tenure.registry import open_ledger
from tests.unit.monitoring import watching


def test_a_real_course_of_windows_is_drawn_and_linked(watched: watching.Watched) -> None:
    rung = {"keep_pages": 1, "warn": {"share": 0.2}, "retire": {"share": 0.9}}
    watched.watch(monitoring=rung)
    well = watched.seen(watching.rows(seed=70, day=13))
    shifted = watching.rows(seed=71, day=14)
    shifted[["a", "b"]] += 3.0
    shifted["kind"] = watching.CANARY
    bad = watched.seen(shifted)
    files = [watched.workspace.pages / str(each.page) for each in (well, bad)]
    assert [file.is_file() for file in files] == [False, True]

    model = pages.draw_model(watching.MODEL, watched.workspace)
    html = model.read_text(encoding="utf-8")
    assert f'href="../{bad.page}"' in html
    assert f'href="../{well.page}"' not in html
    assert watching.CANARY not in html
    assert html.count('class="field bad"') >= 2
    assert "Share of columns that drift" in html
    newest = open_ledger(watched.workspace).latest_decisions()[watching.MODEL]
    assert newest.readings[-1] == bad.digest
    assert Severity.RETIRE.value not in newest.rule

    place = {"workspace": watched.workspace.root, "project": watching.PROJECT}
    page(watching.MODEL, windows=5, **place)
    assert [file.is_file() for file in files] == [True, True]
    html = model.read_text(encoding="utf-8")
    assert f'href="../{well.page}"' in html
    assert "../index.html" in files[0].read_text(encoding="utf-8")
