"""What does each kind of audit row do to the state, and when could it not have been written?

A step changes the state and returns None, or a complaint where the ledger's own rules would have
refused it; a KeyError or TypeError is one, too: it names what was not there.
"""

from __future__ import annotations

from collections.abc import Callable

from tenure.records import CaseState, RolloutState, Slot, Stage
from tenure.records.rollout import OVER
from tenure.registry.chain import Line
from tenure.registry.folded import Facts, State, key
from tenure.registry.stages import LAWFUL


def _arrived(state: State, line: Line, body: Facts) -> str | None:
    where = key(line.model, body["batch"])
    if where in state.batches:
        return "the batch had arrived before"
    state.batches[where] = {
        "name": body["name"],
        "location": body["location"],
        "size": body["size"],
        "state": "arrived",
        "seq": line.seq,
        "arrived_at": line.as_of,
        "snapshot": None,
        "report": None,
        "reason": None,
        "kept_object": None,
    }
    return None


def _accepted(state: State, line: Line, body: Facts) -> str | None:
    batch = state.batches[key(line.model, body["batch"])]
    lawful = batch["state"] == "arrived"
    if "record" in body:
        where = key(line.model, body["snapshot"])
        state.snapshots[where] = {"seq": line.seq, "record": body["record"]}
    if "contract" in body and line.model is not None:
        state.contracts[line.model] = {"columns": body["contract"]}
    batch.update(
        state="accepted",
        snapshot=body["snapshot"],
        report=body["report"],
        reason=line.reason,
        kept_object=None,
    )
    return None if lawful else "the batch was not waiting to be judged"


def _snapshot_dropped(state: State, line: Line, body: Facts) -> str | None:
    del state.snapshots[key(line.model, body["snapshot"])]
    return None


def _quarantined(state: State, line: Line, body: Facts) -> str | None:
    batch = state.batches[key(line.model, body["batch"])]
    lawful = batch["state"] == "arrived"
    batch.update(
        state="quarantined",
        snapshot=None,
        report=body["report"],
        reason=line.reason,
        kept_object=body["kept_object"],
    )
    return None if lawful else "the batch was not waiting to be judged"


def _readmitted(state: State, line: Line, body: Facts) -> str | None:
    batch = state.batches[key(line.model, body["batch"])]
    lawful = batch["state"] == "quarantined"
    batch.update(state="arrived", reason=line.reason)
    return None if lawful else "the batch was not in quarantine"


def _dropped(state: State, line: Line, body: Facts) -> str | None:
    batch = state.batches[key(line.model, body["batch"])]
    lawful = batch["state"] == "quarantined" and batch["kept_object"] == body["object"]
    batch.update(kept_object=None)
    return None if lawful else "these bytes were not in quarantine"


def _recorded(state: State, line: Line, body: Facts) -> str | None:
    state.candidates[body["candidate"]] = {
        "model": line.model,
        "seq": line.seq,
        "kept": 1,
        "record": body["record"],
    }
    return None


def _released(state: State, line: Line, body: Facts) -> str | None:
    used = {version["candidate"] for version in state.versions.values()}
    for candidate in body["candidates"]:
        state.candidates[candidate]["kept"] = 0
    return "a released candidate is a version" if used & set(body["candidates"]) else None


def _registered(state: State, line: Line, body: Facts) -> str | None:
    model, number = body["model"], body["number"]
    before = state.versions.get(key(model, number - 1))
    lawful = number == 1 or before is not None
    fresh = key(model, number) not in state.versions and model == line.model
    kept = ("stage", "candidate", "object", "size", "manifest", "evaluation", "training_set")
    state.versions[key(model, number)] = {
        **{name: body[name] for name in kept},
        "reason": line.reason,
        "seq": line.seq,
        "recorded_at": line.recorded_at,
        "as_of": line.as_of,
        "served_epoch": None,
    }
    state.evaluations[body["evaluation"]] = {"record": body["judged"]}
    known = body["candidate"] in state.candidates
    return None if lawful and fresh and known else "its number or candidate is out of order"


def _moved(state: State, line: Line, body: Facts) -> str | None:
    return _placed(state, line, body["slot"], body["version"], body["epoch"])


def _placed(state: State, line: Line, slot: str, number: int | None, epoch: int) -> str | None:
    version = state.versions[key(line.model, number)] if number is not None else None
    before = state.slots.get(key(line.model, slot), {"epoch": 0})["epoch"]
    state.slots[key(line.model, slot)] = {"version": number, "epoch": epoch}
    state.assignments[key(line.model, slot, epoch)] = {
        "version": number,
        "since": line.as_of,
        "seq": line.seq,
        "actor": line.actor,
        "reason": line.reason,
    }
    if version is not None and slot == Slot.CHAMPION:
        version["served_epoch"] = epoch
    if version is not None and version["stage"] != Stage.VALIDATED:
        return f"version {number} was {version['stage']} and took a slot"
    return None if epoch == before + 1 else f"the epoch went from {before} to {epoch}"


def _stage_changed(state: State, line: Line, body: Facts) -> str | None:
    version = state.versions[key(line.model, body["version"])]
    before, to = Stage(version["stage"]), Stage(body["to"])
    version["stage"] = body["to"]
    held = [
        where
        for where, slot in state.slots.items()
        if where.startswith(f"{line.model}/") and slot["version"] == body["version"]
    ]
    if to not in LAWFUL[before] or before != body["from"]:
        return f"version {body['version']} went from {before} to {to}"
    return f"version {body['version']} was in office" if held and to != Stage.VALIDATED else None


def _reference_kept(state: State, line: Line, body: Facts) -> str | None:
    where = key(line.model, body["version"])
    lawful = where not in state.version_references
    state.version_references[where] = {"object": body["object"]}
    return None if lawful else "the version had a reference before"


def _decided(state: State, line: Line, body: Facts) -> str | None:
    times = {"seq": line.seq, "as_of": line.as_of}
    if "read" in body:
        seen = {name: body[name] for name in ("version", "window", "revision")}
        state.readings[body["reading"]] = {
            "model": line.model,
            **seen,
            "record": body["read"],
            **times,
        }
    known = body["reading"] in state.readings
    state.decisions[body["decision"]] = {
        "model": line.model,
        "action": body["action"],
        "record": body["decided"],
        **times,
    }
    complaint = _opened(state, line, body) if body["case"] else None
    return complaint or (None if known else "its reading is not on record")


def _opened(state: State, line: Line, body: Facts) -> str | None:
    opened = body["opened"]
    lawful = body["case"] not in state.cases
    lawful &= all(each["open_for"] != opened["open_for"] for each in state.cases.values())
    state.cases[body["case"]] = {
        "model": line.model,
        "state": opened["state"],
        "open_for": opened["open_for"],
        "deadline_at": opened["deadline_at"],
        "seq": line.seq,
        "record": opened["record"],
    }
    return None if lawful else "the model had an open case"


def _case_changed(state: State, line: Line, body: Facts) -> str | None:
    case = state.cases[body["case"]]
    lawful = case["open_for"] is not None and case["model"] == line.model
    over = body["state"] in (CaseState.CLOSED, CaseState.DECLINED)
    case.update(
        state=body["state"],
        open_for=None if over else case["open_for"],
        deadline_at=body["deadline_at"],
        record=body["record"],
    )
    return None if lawful else "the case was over"


def _rollout_started(state: State, line: Line, body: Facts) -> str | None:
    lawful = body["rollout"] not in state.rollouts
    lawful &= all(each["open_for"] != line.model for each in state.rollouts.values())
    state.rollouts[body["rollout"]] = {
        "model": line.model,
        "state": body["state"],
        "open_for": line.model,
        "seq": line.seq,
        "record": body["record"],
    }
    complaint = _placed_all(state, line, body)
    return complaint or (None if lawful else "the model had an open rollout")


def _rollout_changed(state: State, line: Line, body: Facts) -> str | None:
    rollout = state.rollouts[body["rollout"]]
    lawful = rollout["open_for"] is not None and rollout["model"] == line.model
    over = RolloutState(body["state"]) in OVER
    rollout.update(
        state=body["state"], open_for=None if over else line.model, record=body["record"]
    )
    complaint = _placed_all(state, line, body)
    return complaint or (None if lawful else "the rollout was over")


def _placed_all(state: State, line: Line, body: Facts) -> str | None:
    found = [_placed(state, line, *place) for place in body["slots"]]
    return next((complaint for complaint in found if complaint), None)


def _halted(state: State, line: Line, body: Facts) -> str | None:
    lawful = body["scope"] not in state.halts
    state.halts[body["scope"]] = {
        "by": line.actor,
        "reason": line.reason,
        "since": line.as_of,
        "seq": line.seq,
    }
    return None if lawful else "it was halted before"


def _resumed(state: State, line: Line, body: Facts) -> str | None:
    del state.halts[body["scope"]]
    return None


STEPS: dict[str, Callable[[State, Line, Facts], str | None]] = {
    "batch_arrived": _arrived,
    "batch_accepted": _accepted,
    "batch_quarantined": _quarantined,
    "batch_readmitted": _readmitted,
    "batch_bytes_dropped": _dropped,
    "snapshot_dropped": _snapshot_dropped,
    "candidate_recorded": _recorded,
    "candidates_released": _released,
    "version_registered": _registered,
    "slot_moved": _moved,
    "stage_changed": _stage_changed,
    "reference_kept": _reference_kept,
    "reading_recorded": _decided,
    "warning_decided": _decided,
    "retrain_decided": _decided,
    "retirement_decided": _decided,
    "case_opened": _opened,
    "case_answered": _case_changed,
    "case_lapsed": _case_changed,
    "case_step": _case_changed,
    "case_closed": _case_changed,
    "rollout_started": _rollout_started,
    "rollout_advanced": _rollout_changed,
    "rollout_held": _rollout_changed,
    "rollout_ended": _rollout_changed,
    "automation_halted": _halted,
    "automation_resumed": _resumed,
}
"""By an audit row's kind; rows of other kinds change no state."""
