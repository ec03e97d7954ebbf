"""Where is the Evidently page of a window, and which pages are kept?

Pages are large; those of the last windows are kept, and those that a case cites. Any other one is
made again from the stored report when it is asked for.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tenure.monitoring.evidence import write_page
from tenure.monitoring.rows import MOST_ROWS
from tenure.records import Reading
from tenure.registry import open_ledger
from tenure.registry.readings import window_key

if TYPE_CHECKING:
    from tenure.workspace import Workspace

_log = logging.getLogger(__name__)


def page_of(reading: Reading) -> str:
    """Return where a reading's page is, below the pages folder."""
    key = window_key(reading.window)[:12]
    return f"{reading.model}/windows/{key}-v{reading.version}-r{reading.revision}.html"


def keep_page(reading: Reading, keep: int, workspace: Workspace) -> Reading:
    """Write a reading's page and remove those that are no longer kept; return it with its page.

    A page that cannot be written leaves the reading without one: it draws what is on record.

    Args:
        reading: with or without a stored report.
        keep: how many pages are kept beside those that a case cites.
        workspace: where they are.
    """
    if reading.evidently is None:
        return reading
    path = page_of(reading)
    try:
        write_page(
            reading.evidently, workspace.pages / path, _heading(reading, workspace), workspace
        )
    except (OSError, AssertionError) as error:
        _log.warning("no page for a window of '%s': %s", reading.model, type(error).__name__)
        return reading
    _prune(reading.model, keep, path, workspace)
    return replace(reading, page=path)


def draw_page(reading: Reading, workspace: Workspace) -> Path | None:
    """Return a reading's page, made again from the stored report if it is gone; None without one.

    Raises:
        ObjectMissing, ObjectDamaged: the report is not what was stored.
    """
    if reading.evidently is None:
        return None
    file = workspace.pages / (reading.page or page_of(reading))
    if not file.is_file():
        write_page(reading.evidently, file, _heading(reading, workspace), workspace)
    return file


def _heading(reading: Reading, workspace: Workspace) -> str:
    window = reading.window
    if window.start_at and window.end_at:
        which = f"{window.start_at:%Y-%m-%d %H:%M} to {window.end_at:%Y-%m-%d %H:%M} UTC"
    elif window.first_seq == window.last_seq:
        which = f"the batch accepted as number {window.last_seq}"
    else:
        which = f"the batches accepted as numbers {window.first_seq} to {window.last_seq}"
    sample = f" Evidently judged {MOST_ROWS:,} of them." if reading.rows > MOST_ROWS else ""
    simulated = " Simulated time." if workspace.simulated else ""
    return (
        f"{reading.model}, version {reading.version}: {which}, {reading.rows:,} rows.{sample}"
        f"{simulated}"
    )


def _prune(model: str, keep: int, fresh: str, workspace: Workspace) -> None:
    folder = workspace.pages / model / "windows"
    files = sorted(folder.glob("*.html"), key=lambda file: file.stat().st_mtime, reverse=True)
    if len(files) <= keep:
        return
    cited = _cited(model, workspace) | {fresh}
    for file in files[keep:]:
        if f"{model}/windows/{file.name}" not in cited:
            file.unlink(missing_ok=True)


def _cited(model: str, workspace: Workspace) -> set[str]:
    """Return the pages of readings that a case cites."""
    ledger = open_ledger(workspace)
    cases = {each.id for each in ledger.cases(model)}
    digests = {
        digest
        for each in ledger.decisions(model, limit=10_000)
        if each.id in cases
        for digest in each.readings
    }
    found = (ledger.reading(digest) for digest in digests)
    return {each.page for each in found if each is not None and each.page}
