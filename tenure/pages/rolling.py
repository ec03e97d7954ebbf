"""Who takes over step by step, how does it do, and what comes next?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tenure.pages.render import when
from tenure.records import Rollout, RolloutState
from tenure.records.rollout import step_name

if TYPE_CHECKING:
    from tenure.workspace import Workspace

TONES = {
    RolloutState.HELD: "warn",
    RolloutState.PROMOTED: "good",
    RolloutState.ROLLED_BACK: "bad",
}
SPENT = {"hold": "it waits for a person", "advance": "it goes on", "roll_back": "it goes back"}
FINDINGS = {"holds": "good", "broken": "bad", "open": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A step of a rollout: `role` is `done`, `now` or `next`, or `ended` where it came to its end.

    `since` is None for what is still to come.
    """

    name: str
    role: str
    since: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A rollout as a page shows it.

    Attributes:
        rollout: the newest of its model.
        rungs: its steps, those that are left included.
        look: what the last look at it found, None where nobody has looked.
        then: in a sentence, what comes next; empty once it is over.
    """

    rollout: Rollout
    rungs: tuple[Rung, ...]
    look: dict[str, Any] | None
    then: str

    @property
    def headline(self) -> str:
        """Where it stands, in a few words."""
        now, step = self.rollout, step_name(self.rollout.share)
        if now.is_over:
            return f"The rollout of version {now.version}: {now.state.value.replace('_', ' ')}"
        asked = "asked beside the champion" if not now.share else f"{step} of the requests"
        held = ", waits for a person" if now.state is RolloutState.HELD else ""
        return f"Version {now.version} takes over by steps: {asked}{held}"

    @property
    def tone(self) -> str:
        """The colour of its state."""
        return TONES.get(self.rollout.state, "")

    @property
    def tones(self) -> dict[str, str]:
        """The colour of each finding."""
        return FINDINGS

    @property
    def looked_at(self) -> datetime | None:
        """When it was looked at last."""
        return datetime.fromisoformat(self.look["at"]) if self.look else None

    @property
    def sides(self) -> list[tuple[str, dict[str, Any]]]:
        """What the version and the champion did in the step, by name."""
        if self.look is None:
            return []
        seen = self.look["seen"]
        return [
            (f"version {self.rollout.version}", seen["challenger"]),
            (f"version {self.rollout.champion}, the champion", seen["champion"]),
        ]


def course_of(rollout: Rollout, workspace: Workspace) -> Course:
    """Return how a rollout stands, or how it ended."""
    from tenure.rollouts import last_look

    look = last_look(rollout, workspace)
    return Course(rollout=rollout, rungs=_rungs(rollout), look=look, then=_then(rollout, look))


def choices_of(rollout: Rollout) -> list[tuple[str, str]]:
    """Return what a person may do about a rollout under way: (why, command)."""
    model, after = rollout.model, step_name(rollout.next_share)
    return [
        (f"Take the next step now: {after}", f'tenure rollout advance {model} --reason "…"'),
        ("End the rollout", f'tenure rollout abort {model} --reason "…"'),
    ]


def _rungs(rollout: Rollout) -> tuple[Rung, ...]:
    found = []
    for step in rollout.steps:
        is_last = step is rollout.now
        role = ("ended" if rollout.is_over else "now") if is_last else "done"
        said = {"since": step.began_at, "reason": step.reason}
        found.append(Rung(name=step_name(step.share), role=role, **said))
    if rollout.state is RolloutState.PROMOTED:
        since = {"since": rollout.ended_at, "reason": rollout.outcome}
        return (*found, Rung(name="champion", role="done", **since))
    if rollout.is_over:
        return tuple(found)
    left = [step_name(share) for share in rollout.shares[rollout.step + 1 :]]
    return (*found, *(Rung(name=name, role="next") for name in (*left, "champion")))


def _then(rollout: Rollout, look: dict[str, Any] | None) -> str:
    if rollout.is_over:
        return ""
    after = "champion" if rollout.next_share == 1 else step_name(rollout.next_share)
    if rollout.state is RolloutState.HELD:
        return f"A person decides: {after}, or the end. A broken check still sends it back."
    if look is None:
        return f"{after} comes next, once the step was looked at and proves well."
    limits = look["limits"]
    baked = rollout.now.began_at + timedelta(minutes=limits["bake_minutes"])
    waited = rollout.now.began_at + timedelta(hours=limits["max_wait_hours"])
    return (
        f"{after} comes next, at {when(baked)} at the earliest, once every check holds; one that "
        f"is broken sends it back at once. Unsettled by {when(waited)}: "
        f"{SPENT[limits['on_too_few']]}."
    )
