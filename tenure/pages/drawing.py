"""Which pages change when something happened to a model?"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from tenure.errors import ObjectDamaged, ObjectMissing
from tenure.pages.case import write_case_page
from tenure.pages.evaluation import write_evaluation_page
from tenure.pages.fleet import write_index
from tenure.pages.life import write_model_page
from tenure.pages.paths import case_path
from tenure.pages.validation import write_validation_page
from tenure.records import AuditRow, ValidationReport, from_json
from tenure.registry import open_ledger, open_store
from tenure.telling import links_of
from tenure.workspace import Workspace

MOST_CASES = 50


def draw_remarked(row: AuditRow, workspace: Workspace) -> None:
    """Draw the pages that show a remark: its version's or its batch's, and its model's.

    A page whose facts are lost stays as it was; the remark stands on the model's.
    """
    assert row.model is not None
    with suppress(ObjectMissing, ObjectDamaged):
        _draw_part(row.model, row.body, workspace)
    draw_model(row.model, workspace)


def _draw_part(model: str, about: dict[str, Any], workspace: Workspace) -> None:
    match about:
        case {"batch": str(digest)}:
            batch = open_ledger(workspace).batch(model, digest)
            if batch is not None and batch.report is not None:
                kept = {**open_store(workspace).get_json(batch.report), "digest": batch.report}
                write_validation_page(from_json(ValidationReport, kept), workspace)
        case {"version": int(number)} if "case" not in about:
            write_evaluation_page(model, number, workspace)
        case _:
            pass


def draw_model(model: str, workspace: Workspace, *, index: bool = True) -> Path:
    """Draw a model's page, those of its cases that may have changed, and the fleet's.

    A case that is over changes only by remarks and notices, so the newest of those are drawn again
    too, and any whose page is not there.
    """
    links, cases = links_of(workspace), open_ledger(workspace).cases(model, limit=MOST_CASES)
    for case in cases:
        settled = case.is_over and case not in cases[-3:]
        if not settled or not (workspace.pages / case_path(model, case.id)).is_file():
            write_case_page(case, workspace, links)
    file = write_model_page(model, workspace, links)
    if index:
        write_index(workspace, links)
    return file
