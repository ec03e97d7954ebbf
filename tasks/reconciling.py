"""What no event led to, as tasks: start the runs that are due, and let time act.

The ledger says what is due; a run is started under a key made of what it is for, so that asking
again starts nothing while it waits or works. A run that failed is started again, a few times.
One model's trouble holds up no other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from prefect import task

from tasks import schedules, silence
from tasks.automations import INGEST, MONITOR, RETIRE, RETRAIN, TRAIN
from tasks.policy import RETRIED, telling_little
from tasks.runs import ended_by_person, out_of_office
from tasks.starting import SPENT, STARTED, Start, cancel, start
from tenure import intake, monitoring, retirement
from tenure.errors import TenureError
from tenure.records import Action, Case, CaseState, digest_of, to_json
from tenure.registry import due, open_ledger
from tenure.registry.proposals import propose, settle
from tenure.registry.specs import keep_spec, note_orphans, orphans, specs_in_force
from tenure.spec import ModelSpec, read_all
from tenure.workspace import Workspace

log = logging.getLogger(__name__)

WAITING_S = 20.0
SOON = timedelta(minutes=5)
HOUR_S = 3600.0
ACTOR = "system:reconcile"
SUPERSEDED, PROMOTIONS = "automation:superseded", "automation:promotion"

Line = dict[str, Any]


@task(name="look after specs", task_run_name="specs", timeout_seconds=600, **RETRIED)
@telling_little
def look_after_specs(workspace: Workspace) -> list[Line]:
    """Keep each spec as it stands, and put on record which model has lost its own."""
    for reading in read_all(workspace):
        if reading.spec is not None:
            keep_spec(reading.spec, workspace, actor=ACTOR)
    fresh = note_orphans(workspace, actor=ACTOR)
    return [_line(model, "spec", "its file is gone", "watched on by its last") for model in fresh]


@task(name="start ingest", task_run_name="start-ingest", timeout_seconds=600, **RETRIED)
@telling_little
def start_ingests(workspace: Workspace) -> list[Line]:
    """Start `ingest` for each model with files that nobody took or judged."""

    def look(spec: ModelSpec) -> Line | None:
        unseen, waiting = _to_take(spec, workspace)
        if not unseen and not waiting:
            return None
        wanted = Start("ingest", spec.name, digest_of(sorted({*unseen, *waiting})))
        return _make_up(wanted, INGEST if waiting else None, workspace)

    return _for_each(workspace, "ingest", look)


@task(name="start train", task_run_name="start-train", timeout_seconds=600, **RETRIED)
@telling_little
def start_trainings(workspace: Workspace) -> list[Line]:
    """Start `train` for each model with data that no version was trained on."""

    def look(spec: ModelSpec) -> Line | None:
        if not spec.training.on_arrival or open_ledger(workspace).halted(spec.name):
            return None
        if ended_by_person(spec.name, workspace):
            return None
        newest = due.untrained(spec.name, workspace)
        if newest is None:
            return None
        return _make_up(Start("train", spec.name, newest.digest), TRAIN, workspace)

    return _for_each(workspace, "train", look)


@task(name="start monitor", task_run_name="start-monitor", timeout_seconds=600, **RETRIED)
@telling_little
def start_monitors(workspace: Workspace) -> list[Line]:
    """Start `monitor` for each model with a window that closed and was not judged."""

    def look(spec: ModelSpec) -> Line | None:
        if out_of_office(spec.name, workspace):
            return None
        windows = monitoring.due_windows(spec.name, workspace)
        if not windows:
            return None
        wanted = Start("monitor", spec.name, digest_of([to_json(each) for each in windows]))
        by_batch = windows[0].first_seq is not None
        return _make_up(wanted, MONITOR if by_batch else None, workspace)

    return _for_each(workspace, "monitor", look)


@task(name="let time act", task_run_name="let-time-act", timeout_seconds=600, **RETRIED)
@telling_little
def let_time_act(workspace: Workspace) -> list[Line]:
    """Let deadlines act, watch the champions' age, propose who won, retire what was replaced."""
    monitoring.expire(workspace, actor=ACTOR)

    def look(spec: ModelSpec) -> Line | None:
        ledger = open_ledger(workspace)
        if ledger.halted(spec.name):
            return None
        if not out_of_office(spec.name, workspace):
            monitoring.watch_age(spec.name, workspace, actor=ACTOR)
        if spec.approvals_wanted:
            propose(spec.name, workspace, actor=PROMOTIONS)
        for number in monitoring.superseded_due(spec.name, workspace)[:1]:
            if ledger.case_against(spec.name, number):
                continue
            retirement.open_superseded(spec.name, number, workspace, actor=SUPERSEDED)
            return _line(spec.name, "retire", f"version {number} was replaced", "case opened")
        return None

    return _for_each(workspace, "retire", look)


@task(name="take up schedules", task_run_name="take-up", timeout_seconds=600, **RETRIED)
@telling_little
def take_up_schedules(workspace: Workspace) -> list[Line]:
    """Switch on again what a retirement had switched off, once a fitted version is in office.

    Only soon after it took office: a schedule that a person pauses later stays paused.
    """

    def look(spec: ModelSpec) -> Line | None:
        tenures = open_ledger(workspace).tenures(spec.name)
        if not tenures or workspace.clock.now() - tenures[-1].since > SOON:
            return None
        if out_of_office(spec.name, workspace):
            return None
        back = schedules.switch_on(spec.name, _switched_off(spec.name, workspace))
        on = f"on again: {', '.join(back)}"
        return _line(spec.name, "schedules", "a version took office", on) if back else None

    return _for_each(workspace, "schedules", look)


def _switched_off(model: str, workspace: Workspace) -> list[str]:
    """Return the verbs whose schedules the model's newest retirement switched off."""
    cases = open_ledger(workspace).cases(model)
    steps = [case.done("turn_off") for case in cases if case.record]
    off = [step.facts.get("off") for step in steps if step]
    return list(next((verbs for verbs in reversed(off) if verbs), []))


@task(name="look after fallbacks", task_run_name="fallbacks", timeout_seconds=1200, **RETRIED)
@telling_little
def look_after_fallbacks(workspace: Workspace) -> list[Line]:
    """Ask each fallback its golden rows once a day; register one that is missing."""
    wrong = retirement.check_fallbacks(workspace, actor=ACTOR)
    return [_line("", "fallback", "its daily check", trouble) for trouble in wrong]


@task(name="look after the retired", task_run_name="retired", timeout_seconds=3600, **RETRIED)
@telling_little
def look_after_retired(workspace: Workspace) -> list[Line]:
    """Say who still asks for a retired version, and delete what it left once its time is over.

    Looked at once an hour: every record of a retirement is read for it.
    """
    looked = workspace.state / "checks" / "deleted"
    if looked.exists() and time.time() - looked.stat().st_mtime < HOUR_S:
        return []
    asked = retirement.watch_retired(workspace, actor=ACTOR)
    gone = retirement.purge_due(workspace, actor=ACTOR)
    looked.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    looked.touch()
    return [
        *(_line("", "retired", "still asked for", text) for text in asked),
        *(_line("", "delete", "its time is over", f"deleted: {what}") for what in gone),
    ]


@task(name="carry on cases", task_run_name="carry-on-cases", timeout_seconds=600, **RETRIED)
@telling_little
def carry_on_cases(workspace: Workspace) -> list[Line]:
    """Start what each case wants that nobody carries out: a training, a retirement."""
    ledger = open_ledger(workspace)
    ready = [one for one in ledger.undone_cases() if one.state is CaseState.OPEN]
    lines = (
        _attempt(case.model, "retire", lambda case=case: _carry_on(case, workspace))
        for case in ready
        if not ledger.halted(case.model)
    )
    return [line for line in lines if line]


def _carry_on(case: Case, workspace: Workspace) -> Line | None:
    # A case that came further is another cause: a run that was killed in a later step has not
    # spent the attempts of the earlier ones.
    cause = digest_of([case.id, len(case.steps)])
    if case.action is Action.PROMOTE:
        return _promote(case, cause, workspace)
    if case.action is not Action.RETRAIN:
        wanted = Start("retire", case.model, cause, {"case": case.id})
        return _make_up(wanted, RETIRE, workspace)
    if case.model in orphans(workspace):
        why = f"There is no spec config/models/{case.model}.yaml to train it by."
        monitoring.settle_retrain(case.model, None, why, workspace, actor=ACTOR)
        return _line(case.model, "train", "its spec is gone", "case closed")
    done = _make_up(Start("train", case.model, cause), RETRAIN, workspace)
    if done["done"] == SPENT:
        why = f"No run of `train` came to its end: {SPENT}."
        monitoring.settle_retrain(case.model, None, why, workspace, actor=ACTOR)
    return done


def _promote(case: Case, cause: str, workspace: Workspace) -> Line | None:
    """Start the deployment that people approved, or close its case if it is over.

    While another version takes over by steps it waits: if that one arrives, it came too late.
    """
    settled = settle(case, workspace, actor=ACTOR)
    if settled.is_over:
        return _line(case.model, "deploy", f"case {case.id[:12]}", settled.outcome)
    if open_ledger(workspace).open_rollout(case.model) is not None:
        return None
    who = " and ".join(answer.by for answer in case.approvals)
    more = {"version": case.version, "reason": f"Approved by {who} (case {case.id[:12]})."}
    done = start(Start("deploy", case.model, cause, more))
    if done["done"] == SPENT:
        outcome = f"No run of `deploy` came to its end: {SPENT}."
        now = workspace.clock.now()
        ledger = open_ledger(workspace)
        ledger.close_case(case.id, actor=ACTOR, outcome=outcome, record=None, now=now)
    return done


@task(name="cancel halted", task_run_name="cancel-halted", timeout_seconds=600, **RETRIED)
@telling_little
def cancel_halted(workspace: Workspace) -> list[Line]:
    """Ask the automatic runs of halted models to end; what they still write is refused anyway."""
    ledger = open_ledger(workspace)
    halts = ledger.halts()
    everyone = any(halt.model is None for halt in halts)
    models = ledger.models() if everyone else [halt.model for halt in halts if halt.model]
    lines: list[Line] = []
    for model in models:
        stopped = sum(cancel(verb, model) for verb in ("train", "retire"))
        if stopped:
            lines.append(_line(model, "train, retire", "halted", f"{stopped} run(s) cancelled"))
    return lines


def _for_each(
    workspace: Workspace, verb: str, look: Callable[[ModelSpec], Line | None]
) -> list[Line]:
    """Look at each model that a sound spec rules; what fails for one is said and stops no other."""
    specs = specs_in_force(workspace)
    lines = [_attempt(spec.name, verb, lambda spec=spec: look(spec)) for spec in specs]
    return [line for line in lines if line]


def _attempt(model: str, verb: str, do: Callable[[], Line | None]) -> Line | None:
    try:
        return do()
    except TenureError as error:
        log.error("Nothing could be made up for '%s': %s", model, error)
        return _line(model, verb, error.code, f"failed: {error}")


def _make_up(wanted: Start, automation: str | None, workspace: Workspace) -> Line:
    """Start a run; count it if an automation should have started it."""
    line = start(wanted)
    if automation is not None and line["done"] == STARTED:
        silence.made_up_for(automation, wanted.model, workspace)
    return line


def _line(model: str, verb: str, cause: str, done: str) -> Line:
    return {"model": model, "verb": verb, "because of": cause, "done": done}


def _to_take(spec: ModelSpec, workspace: Workspace) -> tuple[list[str], list[str]]:
    """Return the files that nobody saw, and those that are on record and wait to be judged."""
    arrivals = intake.locate(spec, workspace)
    unseen = [each.location for each in due.unseen(spec.name, arrivals, workspace)]
    waiting = due.batches_to_judge(spec.name, workspace, waiting_s=WAITING_S)
    return unseen, [batch.location for batch in waiting]
