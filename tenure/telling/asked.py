"""Who has asked a version lately, and would miss it?

Counted in the log of predictions, which names no clients; what shadows said was answered to nobody
and does not count. Where a model logs nothing, the running servers know what they answered since
they were started.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tenure.predictions import log_folder
from tenure.predictions.status import read_statuses
from tenure.records import to_json

if TYPE_CHECKING:
    from tenure.workspace import Workspace

DAYS = 30
MOST_ROWS = 5_000_000
"""A log of more rows is counted by its files' own words, which know no requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a version was asked in the last days.

    Attributes:
        days: how far was looked back.
        requests: how many requests it answered; None where only rows are known.
        rows: how many predictions it made.
        last_at: when the newest of them was; None for none.
        by_slot: rows by the slot that it answered in.
        since_start: requests that the running servers answered by it since they were started.
    """

    days: int
    requests: int | None
    rows: int
    last_at: datetime | None
    by_slot: dict[str, int]
    since_start: int

    @property
    def text(self) -> str:
        """It in a sentence."""
        if not self.rows:
            more = f" The running servers answered {self.since_start:,} request(s) by it."
            return f"The log holds no prediction by it of the last {self.days} days." + (
                more if self.since_start else ""
            )
        what = f"{self.rows:,} prediction(s)"
        if self.requests is not None:
            what = f"{self.requests:,} request(s), {what}"
        last = f", the last one {self.last_at:%Y-%m-%d %H:%M} UTC" if self.last_at else ""
        return f"It was asked in the last {self.days} days: {what}{last}; the log names no clients."

    def as_dict(self) -> dict[str, Any]:
        """It as plain JSON values."""
        return to_json(self)


def who_asked(model: str, version: int, workspace: Workspace) -> Asked:
    """Count what a version was asked in the last days, as far as log and servers know it."""
    since_start = sum(
        int(tally["answered"])
        for status in read_statuses(workspace)
        for tally in status.tallies
        if (tally["model"], tally["version"]) == (model, version) and tally["slot"] != "shadow"
    )
    facts = _of_log(model, version, workspace)
    return Asked(days=DAYS, since_start=since_start, **facts)


def _of_log(model: str, version: int, workspace: Workspace) -> dict[str, Any]:
    since = workspace.clock.now() - timedelta(days=DAYS)
    rows = _rows_of_files(model, version, since, workspace)
    if rows > MOST_ROWS:
        return {"requests": None, "rows": rows, "last_at": None, "by_slot": {}}
    from tenure import predictions

    found = predictions.read(model, workspace, since=since, version=version, columns=["slot"])
    if not len(found):
        return {"requests": 0, "rows": 0, "last_at": None, "by_slot": {}}
    # All rows of a request bear its moment, to the microsecond.
    requests = len(found[["at", "slot"]].drop_duplicates())
    by_slot = {str(slot): int(count) for slot, count in found["slot"].value_counts().items()}
    last_at = found["at"].max().to_pydatetime()
    return {"requests": requests, "rows": len(found), "last_at": last_at, "by_slot": by_slot}


def _rows_of_files(model: str, version: int, since: datetime, workspace: Workspace) -> int:
    files = [
        file
        for file in log_folder(workspace).glob(f"{model}/*/*-v{version}.parquet")
        if file.parent.name >= f"{since:%Y-%m-%d}"
    ]
    if not files:
        return 0
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(file).num_rows for file in files)
