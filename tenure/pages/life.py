"""What has a model's life been: who served when, which versions came, which batches went in?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tenure.pages.charts import Line, lines
from tenure.pages.paths import batch_path, evaluation_path, model_path
from tenure.pages.render import metric, when, write_page
from tenure.pages.rows import Lane, Moment, Span, timeline
from tenure.records import (
    Assignment,
    Batch,
    BatchState,
    Evaluation,
    MetricValue,
    Stage,
    Version,
)
from tenure.registry import Ledger, open_ledger
from tenure.workspace import Workspace

SHOWN_VERSIONS = 200
SHOWN_BATCHES = 400
BATCH_TONES = {BatchState.ACCEPTED: "good", BatchState.QUARANTINED: "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A model as its page shows it; versions and batches newest first, tenures oldest first."""

    model: str
    champion: Assignment | None
    versions: Sequence[tuple[Version, Evaluation]]
    tenures: Sequence[Assignment]
    batches: Sequence[Batch]
    now: datetime


def write_model_page(model: str, workspace: Workspace) -> Path:
    """Draw a model's page: its champions over time, its versions and its batches."""
    life = read_life(model, open_ledger(workspace), workspace)
    return write_page(
        "model.html",
        model_path(model),
        workspace,
        trail=[("Tenure", "../index.html"), (model, None)],
        **life_facts(life),
    )


def read_life(model: str, ledger: Ledger, workspace: Workspace) -> Life:
    """Return what the ledger knows of a model, the newest of it where there is much."""
    return Life(
        model=model,
        champion=ledger.slot(model),
        versions=[
            (version, ledger.evaluation(model, version.number))
            for version in ledger.versions(model, limit=SHOWN_VERSIONS)
        ],
        tenures=ledger.tenures(model),
        batches=ledger.batches(model, limit=SHOWN_BATCHES),
        now=workspace.clock.now(),
    )


def life_facts(life: Life) -> dict[str, Any]:
    """Return what the template names."""
    serving = life.champion.version if life.champion else None
    return {
        "life": life,
        "serving": serving,
        "sentence": sentence(life),
        "accepted": [b for b in life.batches if b.state is BatchState.ACCEPTED],
        "quarantined": [b for b in life.batches if b.state is BatchState.QUARANTINED],
        "refused": [v for v, _ in life.versions if v.stage is Stage.REJECTED],
        "stretches": stretches(life.tenures, life.now),
        "rows": [_version_row(life, *pair) for pair in life.versions],
        "batch_rows": [_batch_row(life.model, batch) for batch in life.batches],
        "timeline": life_timeline(life),
        "course": _course(life),
        "steps": next_steps(life),
    }


def sentence(life: Life) -> str:
    """Return who serves since when, in one sentence."""
    if life.champion is None or life.champion.version is None:
        return "No version serves yet."
    return f"Version {life.champion.version} has served since {when(life.champion.since)}."


def next_steps(life: Life) -> list[tuple[str, str]]:
    """Return what a person might do now: (why, command)."""
    steps = []
    if life.champion is None:
        steps.append(("Make a first version", f"tenure train {life.model}"))
    waiting = [b for b in life.batches if b.state is BatchState.QUARANTINED]
    if waiting:
        noun = "batch lies" if len(waiting) == 1 else "batches lie"
        steps.append((f"{len(waiting)} {noun} in quarantine", "tenure quarantine list"))
    if any(b.state is BatchState.ARRIVED for b in life.batches):
        steps.append(("A batch waits to be taken in", f"tenure ingest {life.model}"))
    return steps


def stretches(
    tenures: Sequence[Assignment], now: datetime
) -> list[tuple[Assignment, datetime | None]]:
    """Return each tenure with its end, None for the one that lasts; newest first."""
    ends: list[datetime | None] = [later.since for _, later in pairwise(tenures)]
    held = zip(tenures, [*ends, None], strict=True) if tenures else []
    return [(tenure, end) for tenure, end in held if tenure.version is not None][::-1]


def life_timeline(life: Life) -> Markup | None:
    """Draw champions as bands, versions and batches as points; None while nothing happened."""
    moments = [b.arrived_at for b in life.batches] + [v.as_of for v, _ in life.versions]
    moments += [tenure.since for tenure in life.tenures]
    if not moments:
        return None
    start, end = min(moments), max([life.now, *moments])
    margin = max((end - start) * 0.02, timedelta(seconds=30))
    return timeline(
        "Who served when",
        [_champions(life), _versions(life), _batches(life)],
        start=start - margin,
        end=end + margin,
        legend=[
            ("candidate", "serves now"),
            ("champion", "served"),
            ("good", "validated, accepted"),
            ("bad", "refused, quarantined"),
        ],
    )


def _champions(life: Life) -> Lane:
    spans = [
        Span(
            label=f"v{tenure.version}",
            start=tenure.since,
            end=end,
            role="champion" if end else "candidate",
            title=f"Version {tenure.version} from {when(tenure.since)}: {tenure.reason}",
        )
        for tenure, end in stretches(life.tenures, life.now)
    ]
    return Lane(name="champion", spans=spans)


def _versions(life: Life) -> Lane:
    moments = [
        Moment(
            at=version.as_of,
            role="bad" if version.stage is Stage.REJECTED else "good",
            title=f"Version {version.number}, {when(version.as_of)}: {version.reason}",
        )
        for version, _ in life.versions
    ]
    return Lane(name="versions", moments=moments)


def _batches(life: Life) -> Lane:
    moments = [
        Moment(
            at=batch.arrived_at,
            role=BATCH_TONES.get(batch.state, "quiet"),
            title=f"{batch.name}, {when(batch.arrived_at)}: {batch.state.value}",
        )
        for batch in life.batches
    ]
    return Lane(name="batches", moments=moments)


def primary_of(evaluation: Evaluation) -> MetricValue | None:
    """Return the metric that decides."""
    return next((m for m in evaluation.metrics if m.name == evaluation.primary), None)


def _course(life: Life) -> Markup | None:
    """Draw the deciding metric version by version, None for fewer than two of them."""
    known = [
        (version, found)
        for version, evaluation in reversed(life.versions)
        if (found := primary_of(evaluation)) is not None and found.value is not None
    ]
    if len(known) < 2:
        return None
    name = metric(known[-1][1].name)
    values = [found.value or 0.0 for _, found in known]
    band = [(found.low, found.high) for _, found in known]
    whole = [(a, b) for a, b in band if a is not None and b is not None]
    return lines(
        f"{name[0].upper()}{name[1:]}, version by version",
        [
            Line(
                name=name,
                x=[float(version.number) for version, _ in known],
                y=values,
                band=whole if len(whole) == len(known) else (),
                dots=True,
            )
        ],
        x_label="version",
        y_label=name,
        x_bounds=(known[0][0].number - 0.3, known[-1][0].number + 0.3),
        x_ticks=[
            (float(v.number), str(v.number))
            for place, (v, _) in enumerate(known)
            if place % (1 + len(known) // 20) == 0
        ],
        note="Each on the rows that it was judged by, with its 95 % interval; "
        "versions are compared on the same rows on their own pages.",
        wide=True,
    )


def _version_row(life: Life, version: Version, evaluation: Evaluation) -> dict[str, Any]:
    served = any(tenure.version == version.number for tenure in life.tenures)
    now = life.champion is not None and life.champion.version == version.number
    return {
        "version": version,
        "evaluation": evaluation,
        "primary": primary_of(evaluation),
        "link": f"versions/{evaluation_path(life.model, version.number).rsplit('/', 1)[-1]}",
        "serves": "champion" if now else "former champion" if served else "",
    }


def _batch_row(model: str, batch: Batch) -> dict[str, Any]:
    link = batch_path(model, batch.digest).removeprefix(f"{model}/")
    return {"batch": batch, "link": link if batch.report else None}
