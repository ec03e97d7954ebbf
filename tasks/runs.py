"""Who started the run that is going on, what is it called, and may it work alone?

A run is Prefect's; whether it may work is the ledger's to say. A lease in the ledger keeps one run
of a model and verb at work; it ends by itself when its holder was killed, at once if Prefect knows
that the run is over, and what a late holder wants to write is refused.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException

from tenure.errors import TenureError
from tenure.records import Cause
from tenure.registry import Lease, Ledger, open_ledger
from tenure.registry.halts import is_automatic
from tenure.workspace import Workspace

log = logging.getLogger(__name__)

LEASE_S = 60.0
POLL_S = 0.5
ACTOR_TAG = "by:"
_SAID_BY_OTHERS = ("claimed:", "system:", "automation:", "schedule:")


def _run() -> FlowRun | None:
    context = FlowRunContext.get()
    return context.flow_run if context else None


def actor() -> str:
    """Return who started the current run: a schedule, an automation, a part, or a claimed name.

    Prefect's open-source server has one credential, so a name that came with a run (tag `by:…`) is
    never more than claimed.
    """
    run = _run()
    return started_by(run) if run else "claimed:python"


def started_by(run: FlowRun) -> str:
    """Return who started a run, as far as the server knows."""
    told = [tag.removeprefix(ACTOR_TAG) for tag in run.tags if tag.startswith(ACTOR_TAG)]
    if told and told[0].startswith(_SAID_BY_OTHERS):
        return told[0]
    if run.auto_scheduled:
        return f"schedule:{run.parameters.get('model', 'every-minute')}"
    if run.created_by and run.created_by.type == "AUTOMATION":
        return f"automation:{run.created_by.display_value or 'unnamed'}"
    return "claimed:prefect"


def halt_of(model: str, workspace: Workspace, actor: str) -> str | None:
    """Return why nothing may be done now: a person halted the model, and no person asks."""
    halt = open_ledger(workspace).halted(model)
    if halt is None or not is_automatic(actor):
        return None
    what = f"'{model}'" if halt.model else "all models"
    return f"Automation of {what} is halted by {halt.by}: {halt.reason}"


def out_of_office(model: str, workspace: Workspace, actor: str = "system:") -> str | None:
    """Return why automation does not watch a model: only a fallback, or nobody, answers for it."""
    ledger = open_ledger(workspace)
    slot = ledger.slot(model)
    if slot is None or not is_automatic(actor):
        return None
    stand_ins = {version.number for version in ledger.fallbacks(model)}
    if slot.version is not None and slot.version not in stand_ins:
        return None
    who = "nobody" if slot.version is None else f"its fallback, version {slot.version},"
    return f"The champion of '{model}' left office and {who} answers; there is nothing to watch."


def ended_by_person(model: str, workspace: Workspace, actor: str = "system:") -> str | None:
    """Return why automation does not train a model: a person took it out of office.

    After any other retirement training goes on, since only that brings a fitted version back.
    """
    if out_of_office(model, workspace, actor) is None:
        return None
    retired = [case for case in open_ledger(workspace).cases(model) if case.record]
    last = next((case for case in reversed(retired) if case.cause is not Cause.SUPERSEDED), None)
    if last is None or last.cause is not Cause.BUSINESS:
        return None
    return (
        f"{last.opened_by} took '{model}' out of office: {last.reason.rstrip('.')}. Nothing is "
        "trained by itself until a person trains, deploys or restores a version."
    )


def label(name: str | None, *tags: str) -> None:
    """Add tags to the current run, and a name that says more than it could at its start.

    A run of a model always gets the tag `model:<name>`; the deployment, which is that of all
    models, cannot give it.
    """
    run = _run()
    if run is None:
        return
    model = run.parameters.get("model")
    run.tags = sorted({*run.tags, *tags, *([f"model:{model}"] if model else [])})
    try:
        with get_client(sync_client=True) as client:
            client.update_flow_run(run.id, name=name or run.name, tags=run.tags)
    except (httpx.HTTPError, PrefectException) as error:
        log.warning("The run keeps its name, the server does not answer: %s", error)


@contextmanager
def alone(
    verb: str, model: str, workspace: Workspace, *, wait_s: float = 0.0
) -> Iterator[Lease | None]:
    """Hold the ledger's lease on a verb of a model; yield None while another run holds it.

    Args:
        verb: what is done, "train".
        model: whose lease it is.
        workspace: whose ledger keeps it.
        wait_s: how long to wait for another run to end.
    """
    label(None)
    ledger, run = open_ledger(workspace), _run()
    name, holder = f"{verb}:{model}", f"run:{run.id if run else 'python'}"
    until = time.monotonic() + wait_s
    lease = ledger.acquire_lease(name, holder=holder, ttl_s=LEASE_S)
    if lease is None and _end_of_the_dead(name, ledger):
        lease = ledger.acquire_lease(name, holder=holder, ttl_s=LEASE_S)
    while lease is None and time.monotonic() < until:
        time.sleep(POLL_S)
        lease = ledger.acquire_lease(name, holder=holder, ttl_s=LEASE_S)
    if lease is None:
        yield None
        return
    ended = threading.Event()
    keeper = threading.Thread(target=_keep, args=(lease, workspace, ended), daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        ended.set()
        keeper.join()
        ledger.release_lease(lease)


def _end_of_the_dead(name: str, ledger: Ledger) -> bool:
    """End the lease of a run that is over by Prefect's word; say whether that was so.

    A run that was killed leaves its lease behind. If one that Prefect gave up works on after all,
    the lease's token keeps what it writes out.
    """
    held = ledger.lease(name)
    if held is None:
        return True
    try:
        run = UUID(held.holder.removeprefix("run:"))
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run).state
    except (ValueError, httpx.HTTPError, PrefectException):
        return False  # no run, or nobody who knows of it: the lease ends by itself
    if state is None or not state.is_final():
        return False
    log.warning("The lease on %s is ended: its run is %s.", name, state.name)
    ledger.release_lease(held)
    return True


def _keep(lease: Lease, workspace: Workspace, ended: threading.Event) -> None:
    ledger = open_ledger(workspace)
    while not ended.wait(LEASE_S / 3):
        try:
            ledger.renew_lease(lease, ttl_s=LEASE_S)
        except TenureError as error:
            log.warning("The lease could not be prolonged: %s", error)
            if not error.is_transient:
                return
