"""Judging tonight's candidates on rows that they did not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.evaluation.asking import ask
from tenure.evaluation.judged import (
    FITTED,
    HELD,
    Contender,
    Judged,
    clusters,
    parts_on,
    row_hashes,
    spread,
)
from tenure.evaluation.outputs import truth_of
from tenure.records import Candidate, Snapshot
from tenure.registry.frames import read_frames
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace


def judge_holdout(
    spec: ModelSpec,
    candidates: Sequence[Candidate],
    champion: Candidate | None,
    snapshots: Sequence[Snapshot],
    workspace: Workspace,
) -> Judged:
    """Collect the rows that every candidate held out, and what all say about them.

    Where the spans' holdouts overlap in too few rows, the candidates with the fewest held rows
    leave the contest.

    Args:
        spec: of the model.
        candidates: fits with a holdout, at least one.
        champion: the candidate behind the champion, or None.
        snapshots: all of the model's, by sequence.
        workspace: where the rows are.
    """
    named = {digest for each in candidates for digest in each.training_set.snapshots}
    used = tuple(each for each in snapshots if each.digest in named)
    parts = {each.id: parts_on(each, used, snapshots, workspace) for each in candidates}
    staying, notes = _contest(candidates, parts, spec.evaluation.gate.min_rows)
    rows = np.flatnonzero(_common(parts, staying))
    batch = np.repeat(np.arange(len(used)), [each.rows for each in used])[rows]
    whole = read_frames(spec.name, [each.digest for each in used], workspace)
    frame = whole.iloc[rows].reset_index(drop=True)
    classes, widest = staying[0].classes, parts[staying[0].id]
    looked_at = whole.iloc[spread(np.flatnonzero(widest > 0))]
    unseen, outputs = np.zeros(len(rows), dtype=bool), None
    if champion is not None:
        unseen = (parts_on(champion, used, snapshots, workspace) != FITTED)[rows]
        outputs = ask(champion, frame, classes, workspace)
    how = _split_words(spec)
    cluster, words = clusters(spec.data, frame, batch, is_series=how.startswith("the newest"))
    return Judged(
        method="holdout",
        frame=frame,
        truth=truth_of(frame[spec.data.target], classes),
        looked_at=(looked_at, truth_of(looked_at[spec.data.target], classes)),
        contenders=tuple(
            Contender(candidate=each, outputs=ask(each, frame, classes, workspace), asked=(each,))
            for each in candidates
            if each in staying
        ),
        champion=outputs,
        unseen=unseen,
        batch=batch,
        snapshots=used,
        cluster=cluster,
        clustered_by=words,
        split=f"{how}, {spec.training.split.test_share:.0%} of the labelled rows",
        repeated=_repeated(whole, rows, widest),
        notes=notes,
    )


def _contest(
    candidates: Sequence[Candidate], parts: dict[str, np.ndarray], wanted: int
) -> tuple[list[Candidate], list[str]]:
    """Return who stays, those with the most held rows first, and a note on each who does not."""
    staying = sorted(candidates, key=lambda each: -int((parts[each.id] == HELD).sum()))
    notes = []
    while len(staying) > 1 and _common(parts, staying).sum() < wanted:
        left = staying.pop()
        notes.append(f"Span '{left.training_set.span}' holds too few rows to be compared.")
    return staying, notes


def _repeated(whole: Any, rows: np.ndarray, parts: np.ndarray) -> int:
    hashes = row_hashes(whole)
    return int(np.isin(hashes[rows], hashes[parts == FITTED]).sum())


def _common(parts: dict[str, np.ndarray], candidates: Sequence[Candidate]) -> np.ndarray:
    return np.logical_and.reduce([parts[each.id] == HELD for each in candidates])


def _split_words(spec: ModelSpec) -> str:
    by = spec.training.split.by
    if by == "auto":
        by = "grouped" if spec.data.group else "time" if spec.data.time else "stratified"
    return {
        "time": "the newest rows",
        "grouped": f"whole groups of '{spec.data.group}'",
        "random": "rows drawn by the seed",
        "stratified": "rows drawn by the seed, evenly by target and batch",
    }[by]
