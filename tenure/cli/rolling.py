"""Who lets a version take over by steps, and who stops it on the way?

All of it acts on the ledger itself, Prefect up or down; `reconcile` moves rollouts on by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tenure.cli.afterwards import make_known
from tenure.cli.command import (
    AnyModel,
    Command,
    Model,
    ProjectFolder,
    Reason,
    WorkspaceFolder,
    actor,
    must_say,
)
from tenure.cli.looking import ledger_about, must_have, must_know
from tenure.cli.output import Block, Line, Table
from tenure.errors import NoRollout
from tenure.records import Rollout, RolloutState
from tenure.records.rollout import step_name
from tenure.registry import Ledger
from tenure.workspace import Workspace, open_workspace

GOOD = (RolloutState.RUNNING, RolloutState.PROMOTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A rollout as it stands: the step now, those that are left, and what the last look saw."""

    rollout: Rollout
    step: str
    left: tuple[str, ...]
    seen: str = ""


def start(
    model: Model,
    version: Annotated[int, typer.Argument(help="The version's number.", min=1)],
    *,
    reason: Reason,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Course:
    """Let a version take over by steps: beside the champion first, then a growing share.

    The steps are those of `deployment.rollout` in the spec, or the usual ones. The same version
    again changes nothing while it is being rolled out.

    Raises:
        ModelNotFound, VersionNotFound: there is none of this name or number.
        NotFitToServe, ArtifactRefused, RolloutOpen, ServesAlready, NoChampion: nothing began.
    """
    from tenure import rollouts

    opened = open_workspace(workspace, project)
    must_have(model, version, opened)
    begun = rollouts.start(model, version, opened, actor=actor(), reason=must_say(reason))
    make_known(model, opened, actor=actor())
    return _course(begun)


def status(
    model: AnyModel = None,
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> tuple[Course, ...]:
    """Show the rollouts that are under way, with what their step has seen so far.

    For one model its last rollout is shown, though it is over.

    Raises:
        ModelNotFound: there is no such model.
    """
    opened = open_workspace(workspace, project)
    ledger = ledger_about(model, opened)
    if ledger is None:
        return ()
    return tuple(_course(each, _seen(each, opened)) for each in _asked(model, ledger))


def advance(
    model: Model,
    *,
    reason: Reason,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Course:
    """Take the next step now, whatever the last one has seen; after the last it is champion.

    Raises:
        ModelNotFound: there is no such model.
        NoRollout, RolloutMoved, ArtifactRefused: nothing was moved.
    """
    from tenure import rollouts

    opened = _where_known(model, workspace, project)
    walked = rollouts.advance(model, opened, actor=actor(), reason=must_say(reason))
    make_known(model, opened, actor=actor())
    return _course(walked.rollout)


def abort(
    model: Model,
    *,
    reason: Reason,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Course:
    """End a rollout; the champion answers every request again.

    Raises:
        ModelNotFound: there is no such model.
        NoRollout: none is under way.
    """
    from tenure import rollouts

    opened = _where_known(model, workspace, project)
    ended = rollouts.abort(model, opened, actor=actor(), reason=must_say(reason))
    make_known(model, opened, actor=actor())
    return _course(ended)


def _where_known(model: str, folder: Path | None, project: Path | None) -> Workspace:
    """Return the workspace, once it is clear that the model exists and may have a rollout."""
    opened = open_workspace(folder, project)
    if must_know(model, opened) is None:
        raise NoRollout(model=model)
    return opened


def _asked(model: str | None, ledger: Ledger) -> list[Rollout]:
    return ledger.open_rollouts() if model is None else ledger.rollouts(model, limit=1)


def _seen(rollout: Rollout, workspace: Workspace) -> str:
    """Return what the step has seen, as it would be judged now."""
    from tenure.rollouts.walking import would_do

    return "" if rollout.is_over else would_do(rollout, workspace)


def _course(rollout: Rollout, seen: str = "") -> Course:
    left = () if rollout.is_over else rollout.shares[rollout.step + 1 :]
    names = tuple(step_name(share) for share in left)
    return Course(rollout=rollout, step=step_name(rollout.share), left=names, seen=seen)


def lines_of(course: Course) -> Iterator[Block]:
    """Yield how a rollout stands, in lines."""
    now = course.rollout
    name = f"version {now.version} of '{now.model}'"
    if now.is_over:
        style = "green" if now.state in GOOD else "yellow"
        state = now.state.value.replace("_", " ")
        yield Line(f"The rollout of {name} is over ({state}): {now.outcome}", style)
        return
    then = ", ".join([*course.left, "champion"])
    held = " and waits for a person" if now.state is RolloutState.HELD else ""
    since = f"since {now.now.began_at:%Y-%m-%d %H:%M} UTC"
    style = "yellow" if held else ""
    yield Line(
        f"{name[0].upper()}{name[1:]} is at {course.step} {since}{held}; then {then}.", style
    )
    if held:
        yield Line(f"  {now.outcome}", "yellow")
    if course.seen:
        yield Line(f"  {course.seen}", "dim")


def _show_all(found: tuple[Course, ...]) -> Iterator[Block]:
    if not found:
        yield Line("No version is being rolled out.")
    for course in found:
        yield from lines_of(course)
        heads = ("step", "since", "by", "why")
        steps = course.rollout.steps
        rows = [(step_name(e.share), e.began_at, e.actor, e.reason) for e in steps]
        yield Table(heads, rows)


COMMANDS = {
    "start": Command(
        function=start,
        show=lines_of,
        examples=('tenure rollout start fraud 8 -m "newer data, let it prove itself"',),
    ),
    "status": Command(
        function=status,
        show=_show_all,
        examples=("tenure rollout status", "tenure rollout status fraud --json"),
    ),
    "advance": Command(
        function=advance,
        show=lines_of,
        examples=('tenure rollout advance fraud -m "a quiet week; looks well"',),
    ),
    "abort": Command(
        function=abort,
        show=lines_of,
        examples=('tenure rollout abort fraud -m "customers complain"',),
    ),
}
