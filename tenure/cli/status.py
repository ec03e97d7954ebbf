"""How does this workspace stand: who serves, what is stored, where does what listen?"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tenure.cli.automations import AutomationLine, look_after
from tenure.cli.command import Command, ProjectFolder, WorkspaceFolder
from tenure.cli.looking import ledger_if_any
from tenure.cli.output import Block, Line, Table, size
from tenure.cli.prefect import read_up
from tenure.cli.reading import ModelLine, lines_table, model_line
from tenure.records import Case, Halt, Rollout
from tenure.records.rollout import step_name
from tenure.spec.names import model_names
from tenure.workspace import open_workspace

MONTH_S = 30 * 86_400
KINDS = {
    "ledger": ("ledger.db", "ledger.db-wal", "ledger.db-shm"),
    "store": ("store",),
    "prefect": ("prefect",),
    "logs": ("logs",),
    "pages": ("pages",),
    "predictions": ("serving", "predictions"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Bytes of one kind of state, and how many of them were written in the last 30 days."""

    kind: str
    bytes: int
    last_month_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLine:
    """A part that `tenure up` started, and whether its process is there."""

    part: str
    pid: int
    is_running: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A workspace at a glance; `head` is SEQ:DIGEST of the record, to keep elsewhere.

    `automations` are those of Prefect's that do not do their work; None where no server answers.
    `halts` are what people stopped, `cases` those that wait or are being carried out,
    `rollouts` the versions that take over by steps.
    """

    workspace: str
    is_simulated: bool
    head: str | None
    models: tuple[ModelLine, ...]
    usage: tuple[Usage, ...]
    addresses: dict[str, str]
    servers: tuple[ServerLine, ...]
    notes: tuple[str, ...]
    automations: tuple[AutomationLine, ...] | None = None
    halts: tuple[Halt, ...] = ()
    cases: tuple[Case, ...] = ()
    rollouts: tuple[Rollout, ...] = ()


def status(*, workspace: WorkspaceFolder = None, project: ProjectFolder = None) -> Status:
    """Show who serves, what is stored, the head of the record, and where the servers are.

    Names what is halted, the cases that are not over, and the automations in Prefect that were
    deleted or disabled. Keep the head somewhere else:
    `tenure verify --head SEQ:DIGEST` then finds a record that was put back to an older state, too.
    """
    opened = open_workspace(workspace, project)
    ledger = ledger_if_any(opened)
    names = sorted({*model_names(opened), *(ledger.models() if ledger else ())})
    up = read_up(opened)
    return Status(
        workspace=str(opened.root),
        is_simulated=opened.simulated,
        head=str(ledger.head()) if ledger else None,
        models=tuple(model_line(name, opened, ledger) for name in names),
        usage=usage_of(opened.state),
        addresses=up.addresses if up else {},
        servers=tuple(
            ServerLine(part=name, pid=one.pid, is_running=one.process() is not None)
            for name, one in (up.parts.items() if up else ())
        ),
        notes=up.notes if up else (),
        automations=look_after(opened),
        halts=tuple(ledger.halts()) if ledger else (),
        cases=tuple(ledger.undone_cases()) if ledger else (),
        rollouts=tuple(ledger.open_rollouts()) if ledger else (),
    )


def usage_of(state: Path) -> tuple[Usage, ...]:
    """Return the bytes of a state folder by kind, the largest first; none if it is not there."""
    homes = {name: kind for kind, names in KINDS.items() for name in names}
    total: dict[str, int] = {}
    fresh: dict[str, int] = {}
    month_ago = time.time() - MONTH_S
    for folder, _, files in os.walk(state):
        for name in files:
            file = Path(folder, name)
            try:
                found = file.stat()
            except FileNotFoundError:
                continue
            kind = homes.get(file.relative_to(state).parts[0], "other")
            total[kind] = total.get(kind, 0) + found.st_size
            if found.st_mtime >= month_ago:
                fresh[kind] = fresh.get(kind, 0) + found.st_size
    kinds = sorted(total, key=lambda kind: -total[kind])
    return tuple(
        Usage(kind=kind, bytes=total[kind], last_month_bytes=fresh.get(kind, 0)) for kind in kinds
    )


def _show(found: Status) -> Iterator[Block]:
    simulated = " (simulated time)" if found.is_simulated else ""
    yield Line(f"workspace {found.workspace}{simulated}", "bold")
    yield Line(f"head {found.head or 'none: nothing was recorded yet'}")
    if found.models:
        yield lines_table(found.models)
    else:
        yield Line("no model yet: a model is a file config/models/NAME.yaml")
    for halt in found.halts:
        what = f"'{halt.model}'" if halt.model else "all models"
        yield Line(f"automation of {what} is halted by {halt.by}: {halt.reason}", "yellow")
    for case in found.cases:
        how = f"case {case.id[:12]}: {case.action.value} version {case.version} of '{case.model}'"
        yield Line(f"{how}, {case.state.value}. {case.reason}", "yellow")
    for now in found.rollouts:
        what = f"version {now.version} of '{now.model}' is rolled out: {step_name(now.share)}"
        yield Line(f"{what}, {now.state.value}. {now.now.reason}", "yellow")
    if found.usage:
        rows = [(one.kind, size(one.bytes), size(one.last_month_bytes)) for one in found.usage]
        rows.append(
            (
                "all",
                size(sum(one.bytes for one in found.usage)),
                size(sum(one.last_month_bytes for one in found.usage)),
            )
        )
        yield Table(("stored", "bytes", "of the last 30 days"), rows)
    if found.addresses:
        rows = [(name, address) for name, address in found.addresses.items()]
        yield Table(("server", "address"), rows)
        parts = [(one.part, one.pid, "runs" if one.is_running else "gone") for one in found.servers]
        yield Table(("part", "pid", "state"), [(name, str(pid), how) for name, pid, how in parts])
    else:
        yield Line("nothing is up; `tenure up` starts everything")
    yield from (Line(note, "yellow") for note in found.notes)
    for one in found.automations or ():
        yield Line(f"automation {one.automation} is {one.trouble}", "red")


COMMANDS = {
    "status": Command(
        function=status, show=_show, examples=("tenure status", "tenure status --json")
    )
}
