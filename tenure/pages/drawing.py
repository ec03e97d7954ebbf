"""Which pages change when something happened to a model?"""

from __future__ import annotations

from pathlib import Path

from tenure.pages.case import write_case_page
from tenure.pages.fleet import write_index
from tenure.pages.life import write_model_page
from tenure.pages.paths import case_path
from tenure.registry import open_ledger
from tenure.telling import links_of
from tenure.workspace import Workspace

MOST_CASES = 50


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
