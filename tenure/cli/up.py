"""How is everything started, stopped, looked into, and brought in line with the specs?

`up`, `down`, `logs` and `sync`. The parts run in the checkout as `python -m deployments.…`; the
library imports nothing of them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from tenure.cli import parts
from tenure.cli.command import Command, ProjectFolder, WorkspaceFolder, project_of
from tenure.cli.layout import ENDPOINT, NAMES, SUPERVISOR, log_file
from tenure.cli.output import Block, Line, Table
from tenure.cli.parts import Part
from tenure.cli.prefect import UpState, api_address, environment, read_up
from tenure.cli.runs import Api
from tenure.cli.supervisor import FAILED, UP_ALREADY, died, stop_parts, supervise, tail
from tenure.errors import NoSuchPart, NothingToFollow, SyncFailed
from tenure.spec import load_all
from tenure.workspace import Workspace, open_workspace

DETACH_S = 180.0
STOP_S = 120.0


def say(text: str) -> None:
    """Tell a person what is going on, beside the result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """What is up: where it listens, and its parts' pids."""

    addresses: dict[str, str]
    parts: dict[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """Which parts were stopped."""

    stopped: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What a sync changed (or would change), and the models that serve without a spec."""

    changes: tuple[str, ...]
    orphans: tuple[str, ...]


def up(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Leave everything running and return.")
    ] = False,
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Up:
    """Start Prefect's server, the processes that run flows, the watcher and the endpoint.

    What is up already is left as it is. A port that is taken is replaced by a free one, and said.
    A part that dies is started again. Without --detach, Ctrl-C stops everything.

    Raises:
        BadSpec: a spec has mistakes; nothing was started.
        PartDied: a part did not come up; everything was stopped again.
    """
    place = open_workspace(workspace, project)
    project_of(place)
    load_all(place)
    state = read_up(place)
    if state and state.supervisor and state.supervisor.process():
        say("Tenure is up already.")
        return _as_up(_wait_ready(place, None))
    if detach:
        return _as_up(_wait_ready(place, _supervise_detached(place)))
    if not supervise(place, say):
        say("Tenure is up already.")
        return _as_up(_wait_ready(place, None))
    return Up(addresses={}, parts={}, notes=("stopped",))


def down(*, workspace: WorkspaceFolder = None, project: ProjectFolder = None) -> Down:
    """Stop everything that `up` started: runs first, then what carries them out, then the server.

    A run that is stopped ends as crashed; what it had already decided stands in the ledger.
    """
    place = open_workspace(workspace, project)
    state = read_up(place)
    if state is None:
        return Down(stopped=())
    names = tuple(name for name, one in state.parts.items() if one.process())
    supervisor = state.supervisor.process() if state.supervisor else None
    if supervisor:
        supervisor.terminate()
        until = time.monotonic() + STOP_S
        while supervisor.is_running() and place.up_file.exists() and time.monotonic() < until:
            time.sleep(0.1)
        parts.end([supervisor], parts.GRACE_S)
    stop_parts(state.parts, say)
    place.up_file.unlink(missing_ok=True)
    return Down(stopped=names)


def logs(
    part: Annotated[str, typer.Argument(help=f"One of {', '.join((*NAMES, SUPERVISOR))}.")],
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> str:
    """Show the end of what a part wrote.

    Raises:
        NoSuchPart: there is no part of this name.
        NothingToFollow: it never wrote anything.
    """
    known = (*NAMES, SUPERVISOR)
    if part not in known:
        raise NoSuchPart(part=part, known=", ".join(known))
    file = log_file(part, open_workspace(workspace, project))
    if not file.exists():
        raise NothingToFollow(part=part, file=str(file))
    text = tail(file, lines)
    if not follow:
        return text
    sys.stdout.write(text + "\n")
    _follow(file)
    return ""


def sync(
    plan: Annotated[bool, typer.Option("--plan", help="Say what would change, only.")] = False,
    pool: Annotated[
        str | None, typer.Option("--pool", help="Send runs to this process work pool.")
    ] = None,
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Synced:
    """Make Prefect's deployments, schedules and automations agree with the specs.

    What a person paused or disabled stays so; a schedule that no spec names is removed. Doing it
    again changes nothing. Exit code 1 if a model serves that has no spec.

    Raises:
        NoPrefectServer: none is known or it does not answer.
        CredentialRefused: it wants another credential.
        BadSpec: a spec has mistakes; nothing was changed.
    """
    place = open_workspace(workspace, project)
    load_all(place)
    api = api_address(place)
    with closing(Api(place)) as asked:  # says at once if it is down, or wants another credential
        asked.call("GET", "admin/version")
    options = [*(["--plan"] if plan else []), *(["--pool", pool] if pool else [])]
    ended = subprocess.run(
        [sys.executable, "-m", "deployments.sync", "--json", *options],
        cwd=project_of(place),
        env=environment(place, api),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer: dict[str, Any] = orjson.loads(ended.stdout)
    except orjson.JSONDecodeError:
        last = (ended.stderr.strip() or "it said nothing").splitlines()[-1]
        raise SyncFailed(detail=last) from None
    return Synced(changes=tuple(answer["changes"]), orphans=tuple(answer["orphans"]))


def _supervise_detached(workspace: Workspace) -> subprocess.Popen[bytes]:
    log = log_file(SUPERVISOR, workspace)
    return parts.launch(
        Part(
            name=SUPERVISOR,
            command=(sys.executable, "-m", "tenure.cli.supervisor"),
            env=environment(workspace),
            folder=project_of(workspace),
            log=log,
            is_ready=lambda _: True,
        )
    )


def _wait_ready(workspace: Workspace, started: subprocess.Popen[bytes] | None) -> UpState:
    """Wait until everything is ready, telling of each part as it comes up."""
    until, told = time.monotonic() + DETACH_S, set[str]()
    log = log_file(SUPERVISOR, workspace)
    while time.monotonic() < until:
        state = read_up(workspace)
        if state and state.is_ready and _is_the_one(state, started):
            return state
        for name in state.parts if state else ():
            if name not in told:
                told.add(name)
                say(f"starting {name} …")
        if started and started.poll() == UP_ALREADY:
            say("Tenure is up already.")
            started = None
        if started and started.poll() is not None:
            break
        time.sleep(0.1)
    failed = tail(log, 1).partition(FAILED)[2].strip()
    part = failed if failed in NAMES else SUPERVISOR
    raise died(part, log_file(part, workspace))


def _is_the_one(state: UpState, started: subprocess.Popen[bytes] | None) -> bool:
    """Say whether what was read is of the supervisor that is waited for, or of one that lives."""
    if state.supervisor is None or state.supervisor.process() is None:
        return False
    return started is None or state.supervisor.pid == started.pid


def _as_up(state: UpState) -> Up:
    pids = {name: one.pid for name, one in state.parts.items()}
    return Up(addresses=state.addresses, parts=pids, notes=state.notes)


def _follow(file: Path) -> None:
    """Write what is added to a file until interrupted; a log that was rotated starts anew."""
    with file.open("rb") as log:
        log.seek(0, 2)
        while True:
            if file.stat().st_size < log.tell():
                log.seek(0)
            added = log.read()
            if added:
                sys.stdout.write(added.decode(errors="replace"))
                sys.stdout.flush()
            else:
                time.sleep(0.2)


def _show_up(result: Up) -> Iterable[Block]:
    yield from (Line(note, "yellow") for note in result.notes)
    if not result.addresses:
        return
    endpoint = result.addresses.get(ENDPOINT, "")
    yield Table(
        ("what", "where"),
        (
            ("Prefect", result.addresses["prefect"]),
            ("predictions", endpoint),
            ("pages", f"{endpoint}/"),
        ),
    )


def _show_down(result: Down) -> Iterable[Block]:
    yield Line(f"Stopped: {', '.join(result.stopped)}." if result.stopped else "Nothing was up.")


def _show_sync(result: Synced) -> Iterable[Block]:
    yield from (Line(line) for line in result.changes or ("Nothing to change.",))
    for model in result.orphans:
        yield Line(f"Model '{model}' serves and has no spec config/models/{model}.yaml.", "red")


COMMANDS = {
    "up": Command(function=up, show=_show_up, examples=("tenure up", "tenure up --detach")),
    "down": Command(function=down, show=_show_down, examples=("tenure down",)),
    "logs": Command(
        function=logs,
        show=lambda text: [Line(text)] if text else [],
        examples=("tenure logs long", "tenure logs watcher --follow"),
    ),
    "sync": Command(
        function=sync,
        show=_show_sync,
        examples=("tenure sync --plan", "tenure sync"),
        exit_code=lambda result: 1 if result.orphans else 0,
    ),
}
