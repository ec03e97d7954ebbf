"""What was promised and is not there?

Promised is: every answer right, none of an old epoch two seconds after the new one was committed,
and every answered prediction in the log, but for what was answered within the log's writing time
before a worker was killed, and what was counted as given up while nothing could be written.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.soak.chaos import Chaos
from benchmarks.soak.clients import Counts
from tenure import predictions
from tenure.workspace import Workspace

FOLLOW_S = 2.0
BOUND_S = 0.2
"""A killed process loses what it answered in the last tenth of a second; as much again for clocks.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Answered predictions that the log does not hold.

    Attributes:
        unexplained: neither before a kill nor while the disk was full.
    """

    logged: int
    before_kills: int
    while_full: int
    unexplained: int
    twice: int


def lost(workspace: Workspace, models: list[str], counts: Counts, chaos: Chaos) -> Lost:
    """Compare what clients were told with what the log holds."""
    predictions.carry(workspace)
    ids = [one for model in models for one in predictions.read(model, workspace)["id"]]
    held = set(ids)
    missing = {name: at for name, at in counts.answered.items() if name not in held}
    killed = {
        name
        for name, at in missing.items()
        if any(0 <= t - at + 0.05 <= BOUND_S for t in chaos.kills)
    }
    full = {
        name
        for name, at in missing.items()
        if any(begun - 1.0 <= at <= ended + 1.0 for begun, ended in chaos.full)
    }
    return Lost(
        logged=len(held & counts.answered.keys()),
        before_kills=len(killed),
        while_full=len(full - killed),
        unexplained=len(missing.keys() - killed - full),
        twice=len(ids) - len(held) - _again(ids, counts.repeated),
    )


def _again(ids: list[str], repeated: set[str]) -> int:
    of = [name for name in ids if name in repeated]
    return len(of) - len(set(of))


def too_old(counts: Counts, chaos: Chaos) -> int:
    """Return how many answers came from an epoch that had ended two seconds before they began."""
    found = 0
    for model, answers in counts.epochs.items():
        swaps = chaos.swaps.get(model, [])
        for epoch, begun in answers:
            found += any(at + FOLLOW_S < begun and epoch < newer for newer, at in swaps)
    return found
