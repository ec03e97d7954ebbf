"""Does anybody still ask for what was retired?

For thirty days after a retirement a request for the version is put on record, so that whoever
depends on it can be found. What was counted before may be lost: then it is told once more.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson

from tenure.predictions.status import read_statuses
from tenure.records import Case
from tenure.registry import open_ledger

if TYPE_CHECKING:
    from pathlib import Path

    from tenure.workspace import Workspace

WATCHED = timedelta(days=30)


def watch_retired(workspace: Workspace, *, actor: str) -> list[str]:
    """Put on record which retired versions were asked for since the last look; say so."""
    known, now = _read(workspace), {}
    fresh: Counter[tuple[str, int]] = Counter()
    for status in read_statuses(workspace):
        for model, counts in status.asked_gone.items():
            for version, count in counts.items():
                key = f"{status.pid}/{status.started}/{model}/{version}"
                now[key] = count
                fresh[model, int(version)] += count - known.get(key, 0)
    asked = {place: count for place, count in fresh.items() if count > 0}
    if not asked:
        return []
    ledger, told = open_ledger(workspace), []
    cases = ledger.cases(limit=1_000_000)
    last = {(each.model, each.version): each for each in cases if each.record}
    for (model, version), count in sorted(asked.items()):
        case = last.get((model, version))
        if case is None or not _is_watched(case, workspace):
            continue
        reason = f"Version {version} of '{model}' is retired and was asked for {count} time(s)."
        body = {"version": version, "count": count, "case": case.id}
        ledger.note(
            "retired_version_asked",
            model=model,
            actor=actor,
            reason=reason,
            evidence=case.id,
            body=body,
        )
        told.append(reason)
    _write(now, workspace)
    return told


def _is_watched(case: Case, workspace: Workspace) -> bool:
    return case.closed_at is not None and workspace.clock.now() - case.closed_at < WATCHED


def _file(workspace: Workspace) -> Path:
    return workspace.state / "checks" / "asked.json"


def _read(workspace: Workspace) -> dict[str, int]:
    try:
        return orjson.loads(_file(workspace).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}


def _write(counts: dict[str, int], workspace: Workspace) -> None:
    file = _file(workspace)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_suffix(".fresh")
    fresh.write_bytes(orjson.dumps(counts))
    fresh.replace(file)
