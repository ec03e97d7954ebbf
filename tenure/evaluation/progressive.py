"""Judging recipes by their earlier fits, on batches that came after those fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.evaluation.asking import ask_about_batch
from tenure.evaluation.judged import Contender, Judged, clusters, row_hashes, spread
from tenure.evaluation.outputs import Outputs, join, truth_of
from tenure.records import Candidate, Snapshot
from tenure.registry.frames import read_frames
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace


def covering(
    recipe: str, kept: Sequence[Candidate], snapshots: Sequence[Snapshot]
) -> list[Candidate | None]:
    """Return, for each snapshot, the newest full fit of a recipe that precedes it, or None."""
    fits = sorted(
        (each for each in kept if each.recipe == recipe and each.holdout is None),
        key=lambda each: each.last_snapshot_seq,
    )
    return [
        next((each for each in reversed(fits) if each.last_snapshot_seq < snapshot.seq), None)
        for snapshot in snapshots
    ]


def judge_progressive(
    spec: ModelSpec,
    candidates: Sequence[Candidate],
    champion: Candidate | None,
    snapshots: Sequence[Snapshot],
    kept: Sequence[Candidate],
    workspace: Workspace,
) -> Judged | None:
    """Collect the newest batches that the recipes' earlier fits met unseen; None if there are none.

    Recipes that have met fewer batches than the others wait until they have caught up.

    Args:
        spec: of the model.
        candidates: tonight's full fits, one a recipe.
        champion: the candidate behind the champion, or None.
        snapshots: all of the model's, by sequence.
        kept: candidates on record whose bytes are kept.
        workspace: where the rows are.
    """
    window = list(snapshots[-spec.evaluation.gate.batches :])
    fits = {each.recipe: covering(each.recipe, kept, window) for each in candidates}
    most = max((_met(found) for found in fits.values()), default=0)
    if not most:
        return None
    used = tuple(window[-most:])
    staying = [each for each in candidates if _met(fits[each.recipe]) == most]
    asked = [tuple(fit for fit in fits[each.recipe][-most:] if fit) for each in staying]
    whole = read_frames(spec.name, [each.digest for each in used], workspace)
    places = np.repeat(np.arange(most), [each.rows for each in used])
    rows = np.flatnonzero(_counted(spec, whole, snapshots, used, workspace))
    frame = whole.iloc[rows].reset_index(drop=True)
    truth = truth_of(frame[spec.data.target], staying[0].classes)
    batches = [whole.loc[places == place] for place in range(most)]
    said = [
        _said_by(fits_, batches, used, truth.classes, workspace).take(rows)
        for fits_ in [*asked, *([(champion,) * most] if champion else [])]
    ]
    fresh = [champion is not None and champion.last_snapshot_seq < each.seq for each in used]
    looked_at = spread(np.arange(len(frame)))
    cluster, words = clusters(spec.data, frame, places[rows], is_series=True)
    return Judged(
        method="progressive",
        frame=frame,
        truth=truth,
        looked_at=(frame.iloc[looked_at], truth.take(looked_at)),
        contenders=tuple(
            Contender(candidate=each, outputs=outputs, asked=fits_)
            for each, outputs, fits_ in zip(staying, said, asked, strict=False)
        ),
        champion=said[-1] if champion else None,
        unseen=np.array(fresh)[places[rows]],
        batch=places[rows],
        snapshots=used,
        cluster=cluster,
        clustered_by=words,
        split=f"the newest {most} batch(es), each met by the fits before it",
        repeated=_copies(spec, whole, places, rows, snapshots, used, workspace),
        notes=_waiting(candidates, fits, most),
    )


def _waiting(
    candidates: Sequence[Candidate], fits: dict[str, list[Candidate | None]], most: int
) -> list[str]:
    met = [(each.training_set.span, _met(fits[each.recipe])) for each in candidates]
    return [
        f"Span '{span}' has met {count} of {most} batches so far."
        for span, count in met
        if count < most
    ]


def _met(fits: list[Candidate | None]) -> int:
    return sum(fit is not None for fit in fits)


def _said_by(
    fits: Sequence[Candidate],
    batches: Sequence[Any],
    snapshots: Sequence[Snapshot],
    classes: tuple[Any, ...],
    workspace: Workspace,
) -> Outputs:
    """Return what the fit of each batch says about it, one after the other."""
    return join(
        [
            ask_about_batch(fit, batch, snapshot.digest, classes, workspace)
            for fit, batch, snapshot in zip(fits, batches, snapshots, strict=True)
        ]
    )


def _counted(
    spec: ModelSpec,
    frame: Any,
    snapshots: Sequence[Snapshot],
    used: tuple[Snapshot, ...],
    workspace: Workspace,
) -> np.ndarray:
    """Return which rows are labelled, the newest of their key, and new by key to earlier fits."""
    counted = frame[spec.data.target].notna().to_numpy()
    if not spec.data.key:
        return counted
    keys = row_hashes(frame[spec.data.key])
    earlier = [each.digest for each in snapshots if each.seq < used[0].seq]
    if earlier:
        before = read_frames(spec.name, earlier, workspace, columns=spec.data.key)
        counted = counted & ~np.isin(keys, row_hashes(before))
    first = ~_repeated(keys)
    return counted & first


def _copies(
    spec: ModelSpec,
    frame: Any,
    places: np.ndarray,
    rows: np.ndarray,
    snapshots: Sequence[Snapshot],
    used: tuple[Snapshot, ...],
    workspace: Workspace,
) -> int:
    """Count judged rows that an earlier batch, which the fits asked about them knew, holds whole.

    Where there is a key there are none: `_counted` leaves out what came before.
    """
    if spec.data.key:
        return 0
    hashes = row_hashes(frame)
    known = [
        # One batch at a time: of the history only eight bytes a row are held.
        row_hashes(read_frames(spec.name, [each.digest], workspace)[list(frame.columns)])
        for each in snapshots
        if each.seq < used[0].seq
    ]
    seen = np.unique(np.concatenate(known)) if known else hashes[:0]
    found = 0
    for place in range(len(used)):
        mine = hashes[places == place]
        judged = hashes[rows[places[rows] == place]]
        found += int(np.isin(judged, seen).sum())
        seen = np.union1d(seen, mine)
    return found


def _repeated(keys: np.ndarray) -> np.ndarray:
    """Return which keys came before: a correction within the judged batches was seen by a fit."""
    import pandas as pd

    return pd.Series(keys).duplicated().to_numpy()
