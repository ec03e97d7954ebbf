"""How does a model's life look on one line of time?"""

from __future__ import annotations

from datetime import datetime, timedelta

from markupsafe import Markup

from tenure.pages.case import case_title
from tenure.pages.lives import Life, stretches
from tenure.pages.render import when
from tenure.pages.rows import Lane, Moment, Span, timeline
from tenure.pages.watched import ROLES, window_words
from tenure.records import Action, BatchState, Case, RolloutState, Severity, Stage
from tenure.records.rollout import step_name

BATCH_TONES = {BatchState.ACCEPTED: "good", BatchState.QUARANTINED: "bad"}


def life_timeline(life: Life) -> Markup | None:
    """Draw champions as bands, and what happened beside them; None while nothing happened."""
    moments = _moments(life)
    if not moments:
        return None
    start, end = min(moments), max([life.now, *moments])
    margin = max((end - start) * 0.02, timedelta(seconds=30))
    lanes = [_champions(life), _versions(life), _rollouts(life), _windows(life), _cases(life)]
    lanes += [_batches(life), _stops(life), _remarks(life)]
    drawn = [lane for n, lane in enumerate(lanes) if n < 2 or lane.spans or lane.moments]
    return timeline(
        "Who served when, and what happened",
        drawn,
        start=start - margin,
        end=end + margin,
        legend=[
            ("candidate", "serves now"),
            ("champion", "served"),
            ("good", "well: validated, accepted, nothing crosses"),
            ("warn", "warning or retraining; automation halted"),
            ("bad", "refused, quarantined, a breach, retirement"),
        ],
    )


def _moments(life: Life) -> list[datetime]:
    moments = [b.arrived_at for b in life.batches] + [v.as_of for v, _ in life.versions]
    moments += [tenure.since for tenure in life.tenures]
    moments += [one.reading.as_of for one in life.seen if one.reading.as_of]
    moments += [step.began_at for rollout in life.rollouts for step in rollout.steps]
    moments += [case.opened_at for case in life.cases] + [row.as_of for row in life.remarks]
    return moments


def _champions(life: Life) -> Lane:
    spans = []
    for tenure, end in stretches(life.tenures, life.now):
        vacant = tenure.version is None
        who = "Nobody" if vacant else f"Version {tenure.version}"
        spans.append(
            Span(
                label="vacant" if vacant else f"v{tenure.version}",
                start=tenure.since,
                end=end,
                role="bad" if vacant else "champion" if end else "candidate",
                title=f"{who} from {when(tenure.since)}: {tenure.reason}",
            )
        )
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


def _rollouts(life: Life) -> Lane:
    """Draw a band for each step that a version held beside the champion."""
    spans = []
    for rollout in life.rollouts:
        ends = [*(step.began_at for step in rollout.steps[1:]), rollout.ended_at]
        for step, end in zip(rollout.steps, ends, strict=True):
            is_last = step is rollout.now
            role = "bad" if is_last and rollout.state is RolloutState.ROLLED_BACK else "candidate"
            if rollout.state is RolloutState.HELD and is_last:
                role = "warn"
            name = f"v{rollout.version} {step_name(step.share)}"
            title = f"{name} from {when(step.began_at)}: {step.reason}"
            if is_last and rollout.outcome:
                title += f" {rollout.state.value.replace('_', ' ')}: {rollout.outcome}"
            spans.append(Span(label=name, start=step.began_at, end=end, role=role, title=title))
    return Lane(name="rollouts", spans=spans)


def _windows(life: Life) -> Lane:
    moments = [
        Moment(
            at=one.reading.as_of,
            role=ROLES[one.severity],
            title=f"Window {window_words(one.reading.window)}, read {when(one.reading.as_of)}: "
            f"{one.severity.value}"
            + (f"; {one.decision.action.value}: {one.decision.reason}" if one.decision else ""),
        )
        for one in life.seen
        if one.reading.as_of is not None
    ]
    # What is well must not cover what is not.
    order = {ROLES[severity]: n for n, severity in enumerate(Severity)}
    return Lane(name="windows", moments=sorted(moments, key=lambda each: order[each.role]))


def _cases(life: Life) -> Lane:
    return Lane(name="cases", spans=[_case(case) for case in life.cases])


def _case(case: Case) -> Span:
    end = f", until {when(case.closed_at)}: {case.outcome}" if case.closed_at else ""
    return Span(
        label=case.action.value,
        start=case.opened_at,
        end=case.closed_at,
        role="bad" if case.action is Action.RETIRE else "warn",
        title=f"{case_title(case)}, from {when(case.opened_at)}: {case.reason}{end}",
    )


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


def _stops(life: Life) -> Lane:
    spans = [
        Span(
            label="halted",
            start=stop.since,
            end=stop.until,
            role="warn",
            title=f"Automation halted from {when(stop.since)} by {stop.by}: {stop.reason}",
        )
        for stop in life.stops
    ]
    return Lane(name="halts", spans=spans)


def _remarks(life: Life) -> Lane:
    moments = [
        Moment(at=row.as_of, role="quiet", title=f"{row.actor}, {when(row.as_of)}: {row.reason}")
        for row in life.remarks
    ]
    return Lane(name="remarks", moments=moments)
