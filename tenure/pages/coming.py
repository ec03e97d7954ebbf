"""What comes next, for which model, and when?

A run comes by the cron lines of a model's spec, in its own time zone; a case has a deadline. To
read a thousand specs takes long, so that what stands in each about schedules is remembered by how
its file looks. What is remembered may be lost: then it is read once more.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson

from tenure.records import Case, CaseState
from tenure.spec.names import spec_files

if TYPE_CHECKING:
    from tenure.workspace import Workspace

VERBS = ("train", "ingest", "score", "monitor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """Something that happens to a model at a time of its own zone, unless somebody stops it."""

    at: datetime
    model: str
    what: str

    @property
    def shown(self) -> str:
        """When, as a page says it."""
        return f"{self.at:%a %-d %b, %H:%M} {self.at.tzname()}"


def next_runs(workspace: Workspace, now: datetime) -> dict[str, list[Coming]]:
    """Return each model's next run of every verb that its spec has a cron line for, soonest first.

    A spec with mistakes has none.
    """
    found = {}
    for model, schedules in _schedules(workspace).items():
        there = now.astimezone(ZoneInfo(schedules.get("timezone", "UTC")))
        runs = [
            Coming(at=at, model=model, what=verb)
            for verb in VERBS
            if (line := schedules.get(verb)) and (at := _next(line, there)) is not None
        ]
        found[model] = sorted(runs, key=lambda run: run.at)
    return found


def deadlines(cases: Iterable[Case]) -> list[Coming]:
    """Return what the deadlines of open cases will do."""
    return [
        Coming(at=case.deadline_at, model=case.model, what=_then(case))
        for case in cases
        if case.deadline_at is not None
    ]


def _then(case: Case) -> str:
    if case.state is CaseState.WAITING:
        return f"without an answer to case {case.id[:12]}: {case.on_timeout}"
    return f"the retraining of case {case.id[:12]} counts as lost"


def _next(line: str, after: datetime) -> datetime | None:
    from cronsim import CronSim

    return next(iter(CronSim(line, after)), None)


def _schedules(workspace: Workspace) -> dict[str, dict[str, Any]]:
    known, now = _read(workspace), {}
    for file in spec_files(workspace):
        looks = file.stat()
        mark = [looks.st_mtime_ns, looks.st_size]
        before = known.get(file.stem)
        if before is None or before["looks"] != mark:
            before = {"looks": mark, "schedules": _of_spec(file, workspace)}
        now[file.stem] = before
    if now != known:
        _write(now, workspace)
    return {model: each["schedules"] for model, each in now.items()}


def _of_spec(file: Path, workspace: Workspace) -> dict[str, Any]:
    from tenure.spec import read_spec

    spec = read_spec(file, workspace).spec
    return spec.schedules.model_dump(mode="json", exclude_none=True) if spec else {}


def _read(workspace: Workspace) -> dict[str, Any]:
    try:
        return orjson.loads(_file(workspace).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}


def _write(value: dict[str, Any], workspace: Workspace) -> None:
    file = _file(workspace)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}.fresh")
    fresh.write_bytes(orjson.dumps(value))
    fresh.replace(file)


def _file(workspace: Workspace) -> Path:
    return workspace.state / "checks" / "schedules.json"
