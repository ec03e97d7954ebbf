"""A thousand models, a year of weekly windows each: what do deciding and showing them cost?

What a year adds to the ledger is seen on one model that is written through the public face; the
thousand are copies of it under their own names, record and state alike.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from tenure.monitoring.decision import History, decide
from tenure.monitoring.history import history_of
from tenure.monitoring.policy import policy_of
from tenure.pages.fleet import write_index
from tenure.records import Cause, Measure, Reading, Window, canonical, digest_of, to_json
from tenure.registry import Ledger, open_ledger, tables
from tenure.registry.chain import Head, next_line
from tenure.registry.readings import sealed
from tenure.spec import load_spec
from tenure.workspace import SimulatedClock, Workspace, find_project, open_workspace
from tests.unit.registry import lives

MODELS, WEEKS = 1_000, 52
COLUMNS = 10
ACTOR = "automation:bench"
SAID = {"actor": ACTOR, "reason": "It is better.", "evidence": "e" * 64}
OF_A_COLUMN = ("drift", "missing_share", "out_of_range_share", "constant")
OF_A_WINDOW = ("drift_share", "weighted_drift_share", "prediction_drift", "volume_ratio")
SPEC = """\
name: {model}
owner: bench@example.org
data: {{source: arrivals, target: y}}
training: {{pipeline: "benchmarks.pipeline_recipe:make_pipeline"}}
evaluation: {{primary: average_precision}}
monitoring:
  warn: {{share: 0.3}}
  retrain: {{weighted_share: 0.5, metrics_below: {{average_precision: 0.6}}}}
  retire: {{score: 3, missing_share: 0.5, metrics_below: {{average_precision: 0.4}}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What was measured; CPU milliseconds of this thread, wall seconds, bytes.

    Attributes:
        decide_ms: of `decide` alone, the slowest model.
        judged_ms: the same with what it is given read from the ledger, the usual model.
        page_s: the page of all models.
        bytes_a_model: that a model's year adds to the ledger.
        models: how many.
    """

    decide_ms: float
    judged_ms: float
    page_s: float
    bytes_a_model: float
    models: int


def measure(root: Path, models: int = MODELS) -> Fleet:
    """Fill a ledger, then decide about each model and draw the page of all.

    Args:
        root: an empty folder for the workspace.
        models: how many; each has a year of readings.
    """
    names = [f"model-{number:04d}" for number in range(models)]
    workspace = _workspace(root, names)
    ledger = open_ledger(workspace)
    ledger.database.anchored = False
    for name in names:
        lives.bare_version(workspace, model=name)
        ledger.promote(name, 1, expected_epoch=0, **SAID)
    before = _bytes(ledger)
    _write_year(names[0], ledger, workspace)
    grown = _bytes(ledger) - before
    _copy_year(names[0], names[1:], ledger)
    decided = [_decided(name, workspace, ledger) for name in names]
    return Fleet(
        decide_ms=max(alone for alone, _ in decided),
        judged_ms=statistics.median(whole for _, whole in decided),
        page_s=statistics.median(_drawn(workspace) for _ in range(3)),
        bytes_a_model=grown,
        models=models,
    )


def _workspace(root: Path, names: list[str]) -> Workspace:
    specs = root / "config" / "models"
    specs.mkdir(parents=True)
    (root / "config" / "settings.yaml").write_text("simulated: true\n", encoding="utf-8")
    for name in names:
        (specs / f"{name}.yaml").write_text(SPEC.format(model=name), encoding="utf-8")
    return open_workspace(root, project=find_project())


def _write_year(model: str, ledger: Ledger, workspace: Workspace) -> None:
    """Put a year of readings and what was decided about them on record, week by week."""
    assert isinstance(workspace.clock, SimulatedClock)
    policy = policy_of(load_spec(model, workspace))
    start = datetime.now(UTC) - timedelta(weeks=WEEKS)
    readings: list[Reading] = []
    for week in range(WEEKS):
        now = start + timedelta(weeks=week + 1)
        workspace.clock.set(now)
        readings.append(_reading(model, start, week))
        decision = decide(readings[-3:], policy, History(now=now))
        ledger.record_reading(readings[-1], decision, actor=ACTOR)
    workspace.clock.release()


def _copy_year(original: str, names: list[str], ledger: Ledger) -> None:
    """Give other models the same year; its times are kept."""
    readings, decisions = ledger.readings(original, 1), ledger.decisions(original)
    with ledger.database.writing() as write:
        head = write.head
        rows: dict[Any, list[dict[str, Any]]] = {
            table: [] for table in (tables.readings, tables.decisions, tables.audit)
        }
        for name in names:
            for reading, decision in zip(readings, decisions, strict=True):
                seen = {**_plain(reading), "model": name}
                seen["window"] = {**seen["window"], "model": name}
                seen["digest"] = digest_of({**seen, "digest": ""})
                said = {**_plain(decision), "model": name, "readings": [seen["digest"]]}
                said["id"] = digest_of({**said, "id": ""})
                at = decision.as_of.isoformat().replace("+00:00", "Z") if decision.as_of else ""
                body = {"decision": said["id"], "read": digest_of(seen), "decided": digest_of(said)}
                times = {"recorded_at": at, "as_of": at}
                about = {"model": name, "actor": ACTOR, "evidence": seen["digest"]}
                line = next_line(
                    head,
                    kind="reading_recorded",
                    reason=decision.reason,
                    body=body,
                    **about,
                    **times,
                )
                head = Head(line.seq, line.digest)
                rows[tables.audit].append(line._asdict())
                rows[tables.readings].append(_reading_row(seen, line.seq, at))
                rows[tables.decisions].append(_decision_row(said, line.seq, at))
        for table, wanted in rows.items():
            for begin in range(0, len(wanted), 5_000):
                write.connection.execute(insert(table), wanted[begin : begin + 5_000])


def _plain(record: Any) -> dict[str, Any]:
    return {**to_json(record), "seq": 0, "as_of": None}


def _reading_row(seen: dict[str, Any], seq: int, at: str) -> dict[str, Any]:
    return {
        "digest": seen["digest"],
        "model": seen["model"],
        "version": seen["version"],
        "window": digest_of(seen["window"]),
        "revision": seen["revision"],
        "seq": seq,
        "as_of": at,
        "record": canonical(seen).decode(),
    }


def _decision_row(said: dict[str, Any], seq: int, at: str) -> dict[str, Any]:
    return {
        "id": said["id"],
        "model": said["model"],
        "action": said["action"],
        "seq": seq,
        "as_of": at,
        "record": canonical(said).decode(),
    }


def _reading(model: str, start: datetime, week: int) -> Reading:
    begin = start + timedelta(weeks=week)
    drifts = week > WEEKS - 4
    value = 0.4 if drifts else 0.02 + 0.01 * (week % 5)
    measures = [
        Measure(
            name=name,
            cause=Cause.DRIFT if name == "drift" else Cause.QUALITY,
            value=value if name == "drift" else 0.0,
            column=f"column_{column:02d}",
            method="wasserstein" if name == "drift" else "count",
            threshold=0.1 if name == "drift" else None,
            drifted=drifts if name == "drift" else None,
            weight=1 / COLUMNS,
        )
        for column in range(COLUMNS)
        for name in OF_A_COLUMN
    ]
    share = float(drifts)
    measures += [
        Measure(name=name, cause=Cause.DRIFT, value=share if "share" in name else 1.0, method="x")
        for name in OF_A_WINDOW
    ]
    labels = (("label_coverage_share", 1.0), ("metric:average_precision", 0.7))
    measures += [Measure(name=name, cause=Cause.PERFORMANCE, value=v) for name, v in labels]
    window = Window(model=model, kind="days", start_at=begin, end_at=begin + timedelta(weeks=1))
    return sealed(
        Reading(
            model=model,
            version=1,
            epoch=1,
            window=window,
            revision=1,
            rows=2_000,
            labelled_rows=2_000,
            measures=tuple(measures),
            evidently="e1" * 32,
            page=f"{model}/windows/{'ab' * 6}.html",
        )
    )


def _decided(model: str, workspace: Workspace, ledger: Ledger) -> tuple[float, float]:
    """Return the CPU milliseconds of deciding about a model's year, alone and with its readings."""
    begun = time.thread_time()
    spec = load_spec(model, workspace)
    readings, slot = ledger.readings(model, 1), ledger.slot(model)
    assert slot is not None
    history = history_of(spec, slot, ledger, workspace.clock.now())
    policy = policy_of(spec)
    read = time.thread_time()
    decide(readings, policy, history)
    decided = time.thread_time()
    return (decided - read) * 1000, (decided - begun) * 1000


def _drawn(workspace: Workspace) -> float:
    begun = time.perf_counter()
    write_index(workspace)
    return time.perf_counter() - begun


def _bytes(ledger: Ledger) -> float:
    """Return what the ledger takes on disk, its log folded in."""
    file = ledger.database.file
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return float(os.path.getsize(file))
