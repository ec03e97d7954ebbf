"""What was this version judged by, against whom, and what is it made of?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tenure.pages import evaluation_charts as draw
from tenure.pages.happened import remark_rows, remarks_about
from tenure.pages.paths import batch_path, evaluation_path
from tenure.pages.render import tone, write_page
from tenure.records import (
    Candidate,
    Comparison,
    Evaluation,
    GateVerdict,
    MetricValue,
    Outcome,
    Stage,
    Version,
)
from tenure.registry import Ledger, open_ledger, open_store
from tenure.workspace import Workspace

HEADLINES = {
    GateVerdict.FIRST: "The first version, fit to serve",
    GateVerdict.WINS: "Better than the champion",
    GateVerdict.TIES: "No clear difference: the champion stays",
    GateVerdict.LOSES: "Worse than the champion: the champion stays",
    GateVerdict.FAILS_FLOOR: "Below what the spec asks for",
    GateVerdict.UNKNOWN: "Could not be judged, so nothing changes",
    GateVerdict.FALLBACK: "A fallback: it stands in when a champion is retired",
}


def write_evaluation_page(model: str, number: int, workspace: Workspace) -> Path:
    """Draw the page of a version: verdict, metrics, comparison, plots, checks and lineage.

    Raises:
        VersionNotFound: the model has no such version.
    """
    ledger = open_ledger(workspace)
    version = ledger.version(model, number)
    evaluation = ledger.evaluation(model, number)
    candidate = ledger.candidate(version.candidate)
    assert candidate is not None, "a version names the candidate that it was"
    details = open_store(workspace).get_json(evaluation.details)
    remarks = remark_rows(remarks_about(ledger, model, version=number), model, "../../")
    return write_page(
        "evaluation.html",
        evaluation_path(model, number),
        workspace,
        trail=[
            ("Tenure", "../../index.html"),
            (model, "../index.html"),
            (f"version {number}", None),
        ],
        **evaluation_facts(version, evaluation, candidate, details, remarks=remarks),
        snapshots=_snapshots(candidate, ledger),
        serves=_serves(ledger, version),
    )


def evaluation_facts(
    version: Version,
    evaluation: Evaluation,
    candidate: Candidate,
    details: dict[str, Any],
    *,
    remarks: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return what the template names, from the records and the details alone."""
    primary = next((m for m in evaluation.metrics if m.name == evaluation.primary), None)
    return {
        "version": version,
        "evaluation": evaluation,
        "candidate": candidate,
        "details": details,
        "remarks": remarks,
        "headline": HEADLINES[evaluation.verdict],
        "banner": "bad" if version.stage is Stage.REJECTED else tone(evaluation.verdict),
        "primary": primary or MetricValue(name=evaluation.primary, value=None),
        "difference": _difference(evaluation.comparison),
        "judged_span": _span(details["judged"]["start_at"], details["judged"]["end_at"]),
        "metric_chart": draw.metrics(details),
        "comparison_charts": draw.comparison(evaluation.comparison, details),
        "slice_charts": draw.slices(details),
        "plots": draw.plots(details),
        "importances": draw.importances(details),
        "failed": [check for check in evaluation.checks if check.outcome is not Outcome.PASS],
    }


def _difference(comparison: Comparison | None) -> str | None:
    """Return the comparison's rule in words, None where nothing was compared."""
    if comparison is None:
        return None
    if comparison.rule == "better":
        wants = f"The challenger takes office if it is {comparison.z:g} standard errors better"
    else:
        wants = f"The challenger takes office unless it is {comparison.z:g} standard errors worse"
    margin = f", by at least {comparison.margin:g}" if comparison.margin else ""
    return f"{wants}{margin}."


def _span(start: str | None, end: str | None) -> str | None:
    if not start or not end:
        return None
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    return f"{first:%-d %b %Y} to {last:%-d %b %Y}"


def _snapshots(candidate: Candidate, ledger: Ledger) -> list[dict[str, Any]]:
    """Return the training set's snapshots with their way to the pages of their batches."""
    rows = []
    for digest in candidate.training_set.snapshots:
        snapshot = ledger.snapshot(candidate.model, digest)
        if snapshot is None:  # its retention is over
            rows.append({"digest": digest, "name": "deleted", "rows": None, "seq": "", "link": ""})
            continue
        batch = ledger.batch(candidate.model, snapshot.batch)
        assert batch is not None, "a snapshot names the batch that it came from"
        rows.append(
            {
                "digest": digest,
                "name": batch.name,
                "rows": snapshot.rows,
                "seq": snapshot.seq,
                "link": f"../../{batch_path(candidate.model, snapshot.batch)}",
            }
        )
    return rows


def _serves(ledger: Ledger, version: Version) -> Markup | str:
    """Return in a few words whether the version serves, served, or never did."""
    held = ledger.slot(version.model)
    if held is not None and held.version == version.number:
        return "champion"
    tenures = [t for t in ledger.tenures(version.model) if t.version == version.number]
    return "former champion" if tenures else ""
