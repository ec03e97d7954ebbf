"""Which models are there, who serves, how healthy are they, what is due, what is out of order?

Asked with one query for each kind of thing, whatever the number of models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tenure.errors import TenureError
from tenure.notices import Links
from tenure.pages.coming import Coming, deadlines, next_runs
from tenure.pages.life_timeline import life_timeline
from tenure.pages.lives import read_life
from tenure.pages.paths import INDEX, case_path, model_path
from tenure.pages.render import write_page
from tenure.pages.watched import ROLES, said_severity, severity_of
from tenure.records import (
    Action,
    Assignment,
    BatchState,
    Case,
    CaseState,
    Decision,
    Halt,
    Rollout,
    RolloutState,
    Severity,
    Slot,
)
from tenure.records.rollout import step_name
from tenure.registry import Ledger, open_ledger
from tenure.registry.fleet import BatchCount
from tenure.spec import model_names
from tenure.telling import links_of
from tenure.workspace import Workspace

DRAWN_WHOLE = 4
"""Up to so many models each have their timeline on the page of all."""
DOING = {
    Action.RETRAIN: "retraining",
    Action.RETIRE: "retirement",
    Action.PROMOTE: "promotion",
}
SHOWN_COMING, SHOWN_ORPHANS = 10, 20
YEAR = timedelta(days=365)
STRIP = (182, 16)
TALL = {"bad": 16, "warn": 12}
"""How high marks stand, by their role; a colour alone tells not everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A model in the fleet; `severity` and `decision` are of the champion's newest window."""

    model: str
    champion: Assignment | None
    severity: Severity | None
    decision: Decision | None
    case: Case | None
    halt: Halt | None
    has_spec: bool
    versions: int
    batches: Mapping[str, BatchCount]
    strip: Markup | None
    is_stood_in_for: bool = False
    rollout: Rollout | None = None
    runs: tuple[Coming, ...] = ()

    @property
    def is_orphan(self) -> bool:
        """Whether it serves and has no spec any more."""
        return not self.has_spec and self.champion is not None and self.champion.version is not None

    @property
    def is_vacant(self) -> bool:
        """Whether it was in office once and nobody is now."""
        return self.champion is not None and self.champion.version is None

    @property
    def rolled_out(self) -> str:
        """Which version takes over, and at which step, in words; empty for none."""
        now = self.rollout
        return f"version {now.version}: {step_name(now.share)}" if now else ""

    @property
    def quarantined(self) -> int:
        """How many batches lie in quarantine."""
        return self._count(BatchState.QUARANTINED)

    @property
    def last_batch_at(self) -> datetime | None:
        """When the newest batch came."""
        return max((each.newest_at for each in self.batches.values()), default=None)

    def _count(self, state: BatchState) -> int:
        found = self.batches.get(state.value)
        return found.count if found else 0

    @property
    def coming(self) -> list[Coming]:
        """The runs that come by schedule; nobody is watched while nobody fitted is in office."""
        idle = self.champion is None or self.is_vacant or self.is_stood_in_for
        return [run for run in self.runs if not (idle and run.what == "monitor")]

    @property
    def urgency(self) -> tuple[int, int, str]:
        """Where it stands in the list: what wants a person first, then by health, then by name."""
        waits = self.case is not None and self.case.state is CaseState.WAITING
        order = [waits, self.is_orphan, self.is_vacant, self.is_stood_in_for]
        order += [self.case is not None, bool(self.halt)]
        first = order.index(True) if True in order else len(order)
        rank = self.severity.rank if self.severity is not None else -2
        return first, -rank, self.model

    @property
    def due(self) -> tuple[str, str]:
        """What is to be done next, and by which command; empty texts for nothing."""
        case = self.case
        if case is not None and case.state is CaseState.WAITING:
            until = f" until {case.deadline_at:%-d %b, %H:%M} UTC" if case.deadline_at else ""
            return f"approval{until}", f"tenure approve {case.id[:12]}"
        if case is not None:
            doing = DOING.get(case.action, "a case")
            until = f", until {case.deadline_at:%-d %b, %H:%M} UTC" if case.deadline_at else ""
            return f"{doing} is under way{until}", f"tenure explain {case.id[:12]}"
        if self.rollout is not None and self.rollout.state is RolloutState.HELD:
            return "a rollout waits for a person", f"tenure rollout status {self.model}"
        if self.champion is None and self.has_spec:
            return "a first version", f"tenure train {self.model}"
        if self.is_stood_in_for:
            return "a version that is fit", f"tenure train {self.model}"
        if self._count(BatchState.ARRIVED):
            return "a batch to take in", f"tenure ingest {self.model}"
        if self.quarantined:
            noun = "batch" if self.quarantined == 1 else "batches"
            return f"{self.quarantined} {noun} in quarantine", "tenure quarantine list"
        return "", ""


def write_index(workspace: Workspace, links: Links | None = None) -> Path:
    """Draw the page of all models of a workspace, those without a spec too."""
    ledger = open_ledger(workspace)
    lines = read_fleet(ledger, workspace)
    seq, head = ledger.head()
    return write_page(
        "fleet.html",
        INDEX,
        workspace,
        trail=[("Tenure", None)],
        lines=[_row(line) for line in lines],
        counts=_counts(lines),
        orphans=[line.model for line in lines if line.is_orphan][:SHOWN_ORPHANS],
        coming=_coming(lines, ledger),
        timelines=_timelines(lines, ledger, workspace),
        halted_all=next((halt for halt in ledger.halts() if halt.model is None), None),
        root=workspace.root.name,
        seq=seq,
        head=head,
        links=links or links_of(workspace),
    )


def all_models(workspace: Workspace) -> list[str]:
    """Return every model that has a spec or was ever on record."""
    return sorted({*_named(workspace), *open_ledger(workspace).models()})


def read_fleet(ledger: Ledger, workspace: Workspace) -> list[Line]:
    """Return every model, what wants a person first."""
    now, named = workspace.clock.now(), _named(workspace)
    slots = {each.model: each for each in ledger.assignments() if each.slot is Slot.CHAMPION}
    decided, course = ledger.latest_decisions(), ledger.decided_since(now - YEAR)
    undone = sorted(ledger.undone_cases(), key=lambda case: case.occupies == case.model)
    cases, stood_in_for = {case.model: case for case in undone}, ledger.stood_in_for()
    rolled = {each.model: each for each in ledger.open_rollouts()}
    halts = {halt.model: halt for halt in ledger.halts()}
    batches, versions = ledger.batch_counts(), ledger.version_counts()
    runs = next_runs(workspace, now)
    strips = _Strips(_start_of(course, now), now)
    newest = {model: _about_champion(decided.get(model), slots.get(model)) for model in decided}
    lines = [
        Line(
            model=model,
            champion=slots.get(model),
            decision=(decision := newest.get(model)),
            severity=severity_of(decision) if decision else None,
            case=cases.get(model),
            halt=halts.get(model) or halts.get(None),
            has_spec=model in named,
            versions=versions.get(model, 0),
            batches=batches.get(model, {}),
            strip=strips.draw(course[model]) if model in course else None,
            is_stood_in_for=model in stood_in_for,
            rollout=rolled.get(model),
            runs=tuple(runs.get(model, ())),
        )
        for model in sorted({*named, *ledger.models()})
    ]
    return sorted(lines, key=lambda line: line.urgency)


def _about_champion(decision: Decision | None, champion: Assignment | None) -> Decision | None:
    """Return a decision if it is about who serves now: another's windows say nothing of it."""
    about = decision is not None and champion is not None and decision.version == champion.version
    return decision if about else None


def _named(workspace: Workspace) -> frozenset[str]:
    """Return the models that have a spec; a broken spec must not hide the fleet."""
    try:
        return frozenset(model_names(workspace))
    except TenureError:
        return frozenset()


def _row(line: Line) -> dict[str, Any]:
    case = line.case
    return {
        "line": line,
        "link": model_path(line.model),
        "case_link": case_path(line.model, case.id) if case else None,
        "role": ROLES[line.severity] if line.severity is not None else "",
        "due": line.due,
    }


def _counts(lines: Iterable[Line]) -> dict[str, int]:
    lines = list(lines)
    bad = (Severity.RETRAIN, Severity.RETIRE)
    return {
        "serving": sum(bool(line.champion and line.champion.version) for line in lines),
        "well": sum(line.severity is Severity.OK for line in lines),
        "warned": sum(line.severity is Severity.WARN for line in lines),
        "bad": sum(line.severity in bad for line in lines),
        "unknown": sum(line.severity is Severity.UNKNOWN for line in lines),
        "cases": sum(line.case is not None for line in lines),
        "waiting": sum(
            line.case is not None and line.case.state is CaseState.WAITING for line in lines
        ),
        "halted": sum(line.halt is not None for line in lines),
        "orphans": sum(line.is_orphan for line in lines),
        "quarantined": sum(line.quarantined for line in lines),
    }


def _coming(lines: Iterable[Line], ledger: Ledger) -> list[dict[str, Any]]:
    """Return what comes next in the whole fleet: runs by schedule, and deadlines."""
    runs = [run for line in lines for run in line.coming[:1]]
    due = sorted([*runs, *deadlines(ledger.undone_cases())], key=lambda each: each.at)
    return [{"coming": each, "link": model_path(each.model)} for each in due[:SHOWN_COMING]]


def _timelines(lines: list[Line], ledger: Ledger, workspace: Workspace) -> list[dict[str, Any]]:
    """Return each model's timeline where there are few of them."""
    if len(lines) > DRAWN_WHOLE:
        return []
    drawn = [(line, life_timeline(read_life(line.model, ledger, workspace))) for line in lines]
    return [
        {"model": line.model, "link": model_path(line.model), "timeline": timeline}
        for line, timeline in drawn
        if timeline is not None
    ]


def _start_of(course: Mapping[str, list[tuple[str, str, str]]], now: datetime) -> datetime:
    """Return from when on the strips are drawn: a year, less if nothing is so old."""
    first = min((rows[0][0] for rows in course.values()), default=None)
    return min(datetime.fromisoformat(first), now) if first else now - YEAR


class _Strips:
    """Draws a mark a window, by when it was judged and how bad it was; one path a colour."""

    def __init__(self, start: datetime, now: datetime) -> None:
        self.first = start.timestamp()
        self.scale = (STRIP[0] - 4) / max(now.timestamp() - self.first, 3600.0)
        self.places: dict[str, str] = {}

    def draw(self, rows: list[tuple[str, str, str]]) -> Markup:
        """Return a model's strip; rows are time, action and rule."""
        width, height = STRIP
        marks: dict[str, list[str]] = {}
        for at, action, rule in rows:
            marks.setdefault(_role(action, rule), []).append(self._place(at[:13]))
        # Numbers and our own names alone: escaping a thousand of them would take longest of all.
        paths = "".join(
            f'<path class="tally {role}" d="{_path(places, TALL.get(role, 7))}"></path>'
            for role, places in marks.items()
        )
        view = f"0 0 {width} {height}"
        return Markup(f'<svg class="strip" viewBox="{view}" aria-hidden="true">{paths}</svg>')  # noqa: S704

    def _place(self, hour: str) -> str:
        """Return where an hour stands; fleets are judged at the same hours."""
        place = self.places.get(hour)
        if place is None:
            at = datetime.fromisoformat(f"{hour}:00:00+00:00").timestamp()
            place = self.places[hour] = f"{1 + self.scale * max(at - self.first, 0.0):.1f}"
        return place


def _path(places: list[str], tall: int) -> str:
    foot = f" {STRIP[1]}v-{tall}"
    return f"M{f'{foot}M'.join(places)}{foot}"


@cache
def _role(action: str, rule: str) -> str:
    return ROLES[said_severity(action, rule)]
