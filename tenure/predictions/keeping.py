"""For how long is it kept what was asked, answered and said, and what shows that it went?

Whole days go, by the folder's name, once they are older than the spec wants. Each removal leaves a
row in the ledger with what it was: days, files, bytes and a digest of every file.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tenure.predictions.feedback import feedback_folder
from tenure.predictions.log import log_folder
from tenure.workspace import Workspace

LEAST_DAYS = 183
"""For how long the log of a model without a spec is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What was taken away of one model.

    `digest` is of the names and contents of the files, in order; `until` is the first day kept.
    """

    model: str
    kind: str
    days: tuple[str, ...]
    files: int
    size: int
    digest: str
    until: str


def overdue(model: str, keep_days: int, workspace: Workspace, now: datetime) -> list[Removed]:
    """Return what of a model is older than it is to be kept; changes nothing.

    Args:
        model: its name.
        keep_days: for how many days, counted from the end of a day.
        workspace: whose.
        now: the real time.
    """
    until = f"{now.astimezone(UTC) - timedelta(days=keep_days):%Y-%m-%d}"
    found = []
    for kind, folder in _folders(workspace).items():
        days = sorted(each for each in folder.glob(f"{model}/????-??-??") if each.name < until)
        if days:
            found.append(_described(model, kind, days, until))
    return found


def remove(removed: Removed, workspace: Workspace) -> None:
    """Take away what `overdue` named; doing it again changes nothing."""
    folder = _folders(workspace)[removed.kind]
    for day in removed.days:
        shutil.rmtree(folder / removed.model / day, ignore_errors=True)


def kept_models(workspace: Workspace) -> set[str]:
    """Return the models of which anything is kept."""
    return {
        each.name
        for folder in _folders(workspace).values()
        for each in folder.glob("*")
        if each.is_dir()
    }


def _folders(workspace: Workspace) -> dict[str, Path]:
    return {"predictions": log_folder(workspace), "feedback": feedback_folder(workspace)}


def _described(model: str, kind: str, days: list[Path], until: str) -> Removed:
    files = sorted(file for day in days for file in day.iterdir() if file.is_file())
    whole, size = hashlib.sha256(), 0
    for file in files:
        content = file.read_bytes()
        size += len(content)
        whole.update(f"{file.parent.name}/{file.name}\0".encode())
        whole.update(hashlib.sha256(content).digest())
    return Removed(
        model=model,
        kind=kind,
        days=tuple(day.name for day in days),
        files=len(files),
        size=size,
        digest=whole.hexdigest(),
        until=until,
    )
