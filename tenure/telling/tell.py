"""How does a change become a message that goes out once?

Each message is begun in the ledger, which refuses it while automation is halted, then sent, then
ended there. What could not be sent is due again, a few times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import orjson

from tenure.errors import Halted
from tenure.notices import (
    Address,
    Delivery,
    Links,
    Notice,
    Setting,
    about_automation,
    about_case,
    about_decision,
    about_halt,
    about_orphan,
    about_restored,
    about_rollout,
    send,
)
from tenure.records import Action, AuditRow, Case, CaseState, Decision, from_json
from tenure.registry import Ledger, open_ledger
from tenure.registry.halts import is_automatic
from tenure.registry.specs import ORPHANED
from tenure.spec import read_all
from tenure.telling.asked import Asked, who_asked
from tenure.telling.due import OF_HALTS, OF_PARTS, OF_ROLLOUTS, case_of, due_notices, spec_if_any
from tenure.workspace import Workspace

Send = Callable[..., list[Delivery]]
"""As `tenure.notices.send`."""


def tell(
    model: str | None, workspace: Workspace, *, actor: str, send: Send = send
) -> list[Delivery]:
    """Tell a model's people what they do not know yet; what fails is recorded and due again.

    While automation is halted nothing is told by itself, and all of it waits. A person tells what
    that person did and nothing else, a halt too.

    Args:
        model: whose people; None for what is about all models.
        workspace: whose ledger.
        actor: who tells.
        send: carries the message.
    """
    ledger, told = open_ledger(workspace), []
    settle_lost(model, ledger, actor)
    due = due_notices(model, workspace)
    if not is_automatic(actor):
        due = [one for one in due if one.row.actor == actor]
    allowed = allowed_hosts(model, workspace) if due else ()
    for one in due:
        notice = compose(one.row, ledger, workspace)
        line = {"about": one.about, "after_seq": one.row.seq, "actor": actor}
        try:
            told += deliver(model, notice, one.to, ledger, allowed, send, **line)
        except Halted:
            break
    return told


def deliver(
    model: str | None,
    notice: Notice,
    names: Sequence[str],
    ledger: Ledger,
    allowed: Sequence[str],
    send: Send,
    *,
    about: str,
    after_seq: int,
    actor: str,
) -> list[Delivery]:
    """Send one notice to those who do not have it, and put on record what became of it.

    Raises:
        Halted: automation is halted, and the actor is no person.
    """
    begun, told = [], []
    for name in names:
        mark = {"about": about, "to": name, "after_seq": after_seq, "actor": actor}
        if ledger.begin_notice(model, **mark, reason=notice.title):
            begun.append(name)
    addresses = [each for name in begun if (each := Address.named(name)) is not None]
    there = {each.name for each in addresses}
    for name in begun:
        if name not in there:
            told.append(Delivery(to=name, why=f"{name} was not told: it is not set here."))
    told += send(notice, addresses, allow_hosts=allowed)
    for each in told:
        ledger.end_notice(model, about=about, to=each.to, actor=actor, failure=each.why or None)
    return told


def settle_lost(model: str | None, ledger: Ledger, actor: str) -> None:
    """Put on record which notices lost their sender; they are not sent again."""
    for about, to in ledger.lost_notices(model, after_seq=0):
        ledger.end_notice(model, about=about, to=to, actor=actor, is_lost=True)


def compose(row: AuditRow, ledger: Ledger, workspace: Workspace) -> Notice:
    """Return what is said of a change, as things stand now."""
    setting = setting_of(row.model, ledger, workspace)
    if row.kind in OF_HALTS:
        return about_halt(row, setting)
    if row.kind in OF_PARTS:
        return about_automation(row, setting)
    if row.kind == ORPHANED:
        return about_orphan(row, setting)
    if row.kind in OF_ROLLOUTS:
        return about_rollout(ledger.rollout(row.body["rollout"]), setting)
    if row.kind == "stage_changed":
        return about_restored(row, setting)
    case = case_of(row)
    if case:
        found = ledger.case(case)
        asked = asked_of(found, workspace)
        return about_case(found, setting, decision_behind(found, ledger), asked=asked)
    decision = ledger.decision(row.body["decision"])
    reading = ledger.reading(decision.readings[-1])
    return about_decision(decision, setting, reading.page if reading else None)


def asked_of(case: Case, workspace: Workspace) -> str:
    """Return in a sentence how often a version that is to go, or has gone, was asked lately."""
    if case.action is not Action.RETIRE or case.state is CaseState.DECLINED:
        return ""
    done = case.done("settle_data")
    if done is None:
        return who_asked(case.model, case.version, workspace).text
    kept = done.facts.get("asked")
    return from_json(Asked, kept).text if kept else ""


def decision_behind(case: Case, ledger: Ledger) -> Decision | None:
    """Return the decision that opened a case, None where a person did."""
    return next(iter(ledger.decisions_of([case.id]).values()), None)


def setting_of(model: str | None, ledger: Ledger, workspace: Workspace) -> Setting:
    """Return owner, links and the ledger's head."""
    spec = spec_if_any(model, workspace) if model else None
    return Setting(
        model=model or "all",
        owner=spec.owner if spec else "everyone",
        links=links_of(workspace),
        head=str(ledger.head()),
    )


def links_of(workspace: Workspace) -> Links:
    """Return the addresses of the parts that are up."""
    try:
        found = orjson.loads(workspace.up_file.read_bytes()).get("addresses", {})
    except (FileNotFoundError, orjson.JSONDecodeError):
        found = {}
    return Links(
        endpoint=found.get("endpoint"), prefect=found.get("prefect"), folder=str(workspace.pages)
    )


def allowed_hosts(model: str | None, workspace: Workspace) -> tuple[str, ...]:
    """Return the private hosts that a spec names; of all specs for None."""
    if model is None:
        specs = [reading.spec for reading in read_all(workspace)]
    else:
        specs = [spec_if_any(model, workspace)]
    hosts = [host for spec in specs if spec is not None for host in spec.notify.allow_hosts]
    more = workspace.notify_hosts if model is None else ()
    return tuple(dict.fromkeys([*more, *hosts]))
