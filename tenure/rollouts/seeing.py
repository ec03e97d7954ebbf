"""What have a version and the champion beside it done in this step?

Answers, latencies and how the two differ are read from the prediction log. What failed never
reaches it: the servers' status files count that. What turned out to be true is `truth`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from tenure.predictions.status import read_statuses
from tenure.records import Rollout, Slot
from tenure.rollouts.answered import answered
from tenure.rollouts.judging import Gap, Seen, Side
from tenure.rollouts.truth import loss_of

if TYPE_CHECKING:
    from tenure.spec import ModelSpec
    from tenure.workspace import Workspace

_ALPHA = 0.001

Counts = tuple[int, int]


def look_at(rollout: Rollout, spec: ModelSpec | None, workspace: Workspace) -> Seen:
    """Return what is known of the step that a rollout stands at.

    Args:
        rollout: one that is not over.
        spec: of the model, None if there is none: then labels are not looked for.
        workspace: whose log and status files.
    """
    is_logged = spec is None or spec.deployment.serving.log != "off"
    mine = other = None
    if is_logged:
        mine, other = answered(rollout, [rollout.now], ["latency_ms"], workspace)
    challenger = _side(rollout.version, mine, _counts(rollout, workspace))
    usual = _alive(rollout.model, Slot.CHAMPION, rollout.champion_epoch, workspace)
    return Seen(
        share=rollout.share,
        began_at=rollout.now.began_at,
        challenger=challenger,
        champion=_side(rollout.champion, other, _summed(usual.values())),
        gap=gap_between(mine, other) if mine is not None and other is not None else None,
        loss=loss_of(rollout, spec, workspace),
        obstacles=_obstacles(rollout, workspace),
        is_logged=is_logged,
    )


def _side(version: int, frame: Any, counts: Counts) -> Side:
    answered, failed = counts
    if frame is None or not len(frame):
        return Side(version=version, requests=answered, failed=failed)
    # The rows of one request have one time.
    requests = frame.drop_duplicates("at")
    latencies = tuple(sorted(float(value) for value in requests["latency_ms"]))
    return Side(
        version=version,
        requests=max(len(requests), answered),
        failed=failed,
        latencies_ms=latencies,
    )


def gap_between(mine: Any, other: Any) -> Gap | None:
    """Return how far the answers of two versions lie apart; None where there are none.

    Numbers (a probability, or what is predicted) by the greatest gap between their distribution
    functions (Kolmogorov and Smirnov), labels by half the sum of the differences of their shares.
    What chance may do is bounded at one in a thousand: by Smirnov's limit, and by McDiarmid's
    inequality.
    """
    if not len(mine) or not len(other):
        return None
    names = [name for name in mine.columns if str(name).startswith("probability.")]
    last = names[-1] if len(names) == 2 and names[-1] in other.columns else "prediction"
    a, b = mine[last].dropna().to_numpy(), other[last].dropna().to_numpy()
    if not len(a) or not len(b):
        return None
    rows, spread = min(len(a), len(b)), 1 / len(a) + 1 / len(b)
    if a.dtype.kind == "f" and b.dtype.kind == "f":
        noise = float(np.sqrt(-np.log(_ALPHA / 2) / 2 * spread))
        return Gap(value=_ks(a, b), noise=noise, method="Kolmogorov-Smirnov", rows=rows)
    shares = [_shares(values) for values in (a.astype(str), b.astype(str))]
    labels = sorted(shares[0].keys() | shares[1].keys())
    value = sum(abs(shares[0].get(n, 0.0) - shares[1].get(n, 0.0)) for n in labels) / 2
    noise = 0.5 * np.sqrt(len(labels) * spread) + np.sqrt(-np.log(_ALPHA) / 2 * spread)
    return Gap(value=value, noise=float(noise), method="shares of labels", rows=rows)


def _ks(a: np.ndarray, b: np.ndarray) -> float:
    every = np.concatenate([a, b])
    below = [np.searchsorted(np.sort(each), every, side="right") / len(each) for each in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def _shares(values: np.ndarray) -> dict[str, float]:
    names, counts = np.unique(values, return_counts=True)
    return {str(n): float(c) / len(values) for n, c in zip(names, counts, strict=True)}


def _counts(rollout: Rollout, workspace: Workspace) -> Counts:
    """Return what servers counted in this step, those that have ended since included.

    What a process counted after the last look at it is lost with it.
    """
    file = workspace.state / "checks" / f"rollout-{rollout.id[:12]}-{rollout.step}.json"
    known: dict[str, list[int]] = {}
    if file.exists():
        try:
            known = orjson.loads(file.read_bytes())
        except orjson.JSONDecodeError:
            known = {}
    alive = _alive(rollout.model, rollout.slot, rollout.now.epoch, workspace)
    found = {**known, **{name: list(counts) for name, counts in alive.items()}}
    if found != known:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = file.with_suffix(".fresh")
        fresh.write_bytes(orjson.dumps(found))
        fresh.replace(file)
    return _summed(found.values())


def _alive(model: str, slot: Slot, epoch: int, workspace: Workspace) -> dict[str, Counts]:
    wanted = (model, slot.value, epoch)
    return {
        f"{status.pid}/{status.started}": (each["answered"], each["failed"])
        for status in read_statuses(workspace)
        for each in status.tallies
        if (each["model"], each["slot"], each["epoch"]) == wanted
    }


def _summed(counts: Any) -> Counts:
    every: Sequence[Sequence[int]] = list(counts)
    return sum(each[0] for each in every), sum(each[1] for each in every)


def _obstacles(rollout: Rollout, workspace: Workspace) -> tuple[str, ...]:
    wanted = (rollout.model, rollout.slot.value, rollout.now.epoch)
    found = [
        f"Version {rollout.version} could not be loaded: {each['reason']}"
        for status in read_statuses(workspace)
        for each in status.obstacles_beside
        if (each["model"], each["slot"], each["epoch"]) == wanted
    ]
    return tuple(dict.fromkeys(found))
