"""What does a week's message say, and to whom does it go?

One message an address and week, whatever number of models it answers for.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from tenure.errors import Halted
from tenure.notices import Delivery, Week, about_digest, send
from tenure.records import Action, BatchState
from tenure.registry import Ledger, open_ledger
from tenure.spec import ModelSpec, read_all
from tenure.telling.tell import Send, deliver, links_of
from tenure.workspace import Workspace


def tell_week(workspace: Workspace, *, actor: str, send: Send = send) -> list[Delivery]:
    """Send the digest of the past week to all whose specs want it, once a calendar week (UTC).

    While everything is halted nothing is sent.
    """
    now = workspace.clock.now()
    week = f"{now:%G-W%V}"
    audience: dict[str, list[ModelSpec]] = defaultdict(list)
    for reading in read_all(workspace):
        if reading.spec is not None and reading.spec.notify.weekly:
            for name in dict.fromkeys(reading.spec.notify.to):
                audience[name].append(reading.spec)
    ledger, told = open_ledger(workspace), []
    settled = ledger.settled_notices(None, after_seq=0) if audience else set()
    mark = {"about": f"week {week}", "after_seq": 0, "actor": actor}
    for name, specs in audience.items():
        if (mark["about"], name) in settled:
            continue
        lines = [_line(spec, ledger, now - timedelta(days=7)) for spec in specs]
        notice = about_digest(week, lines, links_of(workspace), str(ledger.head()))
        allowed = tuple(dict.fromkeys(host for spec in specs for host in spec.notify.allow_hosts))
        try:
            told += deliver(None, notice, [name], ledger, allowed, send, **mark)
        except Halted:
            break
    return told


def _line(spec: ModelSpec, ledger: Ledger, since: datetime) -> Week:
    model = spec.name
    slot = ledger.slot(model)
    serves = "nobody serves yet"
    if slot is not None and slot.version is None:
        serves = "the slot is vacant"
    elif slot is not None:
        serves = f"version {slot.version} serves since {slot.since:%Y-%m-%d}"
    decided = [each for each in ledger.decisions(model, limit=500) if _is_after(each.as_of, since)]
    closed = [each for each in ledger.cases(model, limit=100) if _is_after(each.closed_at, since)]
    case = ledger.open_case_of(model)
    return Week(
        model=model,
        owner=spec.owner,
        serves=serves,
        readings=len(decided),
        warnings=sum(each.action is Action.WARN for each in decided),
        retrains=sum(each.action is Action.RETRAIN for each in closed),
        retired=sum(each.action is Action.RETIRE and each.record is not None for each in closed),
        open_case=f"{case.action.value} version {case.version}, {case.state.value}" if case else "",
        quarantined=len(ledger.batches(model, state=BatchState.QUARANTINED, limit=1000)),
        halted=ledger.halted(model) is not None,
    )


def _is_after(at: datetime | None, since: datetime) -> bool:
    return at is not None and at >= since
