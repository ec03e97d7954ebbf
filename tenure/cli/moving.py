"""Who lets a version serve, and who takes the former one back?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from tenure.cli.afterwards import make_known
from tenure.cli.command import (
    Command,
    Model,
    ProjectFolder,
    Reason,
    WorkspaceFolder,
    actor,
    must_say,
)
from tenure.cli.looking import must_have, must_know
from tenure.cli.output import Block, Line
from tenure.errors import NoChampion
from tenure.records import Assignment, Rollout, Slot
from tenure.records.rollout import step_name
from tenure.workspace import open_workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Which slot a version holds now, and who served before.

    `has_moved` is false if it served already; `steps` are what is left of a rollout.
    """

    assignment: Assignment
    before: int | None
    has_moved: bool
    steps: tuple[str, ...] = ()


def deploy(
    model: Model,
    version: Annotated[int, typer.Argument(help="The version's number.", min=1)],
    *,
    reason: Reason,
    by_steps: Annotated[
        bool | None,
        typer.Option(
            "--rollout/--direct",
            help="By the steps of a rollout, or at once; as the spec says, if not given.",
            show_default=False,
        ),
    ] = None,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Moved:
    """Let a version serve, after its artifact was loaded and asked its golden rows.

    Acts on the ledger itself, Prefect up or down. Only a validated version may serve; one that
    serves already stays. Where the spec has a rollout a new version goes by its steps; a former
    champion, or one that follows a stand-in, goes at once.

    Raises:
        ModelNotFound, VersionNotFound: there is none of this name or number.
        NotFitToServe, StaleEpoch, ArtifactRefused: no slot moved.
        RolloutOpen, ServesAlready, NoChampion: it cannot be rolled out now.
    """
    from tenure import rollouts

    opened = open_workspace(workspace, project)
    ledger = must_have(model, version, opened)
    before = ledger.slot(model)
    way = {None: rollouts.Way.SPEC, True: rollouts.Way.STEPS, False: rollouts.Way.DIRECT}[by_steps]
    why = must_say(reason)
    now = rollouts.place(model, version, opened, actor=actor(), reason=why, way=way)
    make_known(model, opened, actor=actor())
    return _moved(before, now, ledger.open_rollout(model))


def rollback(
    model: Model,
    *,
    reason: Reason,
    to: Annotated[
        int | None,
        typer.Option(help="A former champion's number; the last one if not given.", min=1),
    ] = None,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Moved:
    """Let the former champion serve again, or an earlier one.

    Acts on the ledger itself, Prefect up or down; the endpoint follows by itself.

    Raises:
        ModelNotFound, VersionNotFound, NoChampion, NoStandby: there is nobody to go back to.
        NotFitToServe, StaleEpoch, ArtifactRefused: the slot did not move.
    """
    from tenure import registry

    opened = open_workspace(workspace, project)
    ledger = must_know(model, opened)
    before = ledger.slot(model) if ledger else None
    if before is None:
        raise NoChampion(model=model)
    now = registry.rollback(model, opened, actor=actor(), reason=must_say(reason), to=to)
    make_known(model, opened, actor=actor())
    return _moved(before, now)


def _moved(before: Assignment | None, now: Assignment, rollout: Rollout | None = None) -> Moved:
    left = rollout.shares[rollout.step + 1 :] if rollout else ()
    return Moved(
        assignment=now,
        before=before.version if before else None,
        has_moved=rollout is not None or before is None or before.epoch != now.epoch,
        steps=tuple(step_name(share) for share in left),
    )


def _show(moved: Moved) -> Iterator[Block]:
    now = moved.assignment
    if not moved.has_moved:
        yield Line(f"Version {now.version} of '{now.model}' serves already (epoch {now.epoch}).")
        return
    if now.slot is not Slot.CHAMPION:
        then = ", ".join([*moved.steps, "champion"])
        yield Line(f"Version {now.version} of '{now.model}' is {now.slot.value} now.", "green")
        yield Line(f"Then, as each step proves well: {then}. `tenure rollout status {now.model}`")
        return
    before = f" Version {moved.before} stands by." if moved.before else ""
    yield Line(
        f"Version {now.version} of '{now.model}' serves (epoch {now.epoch}).{before}", "green"
    )


COMMANDS = {
    "deploy": Command(
        function=deploy,
        show=_show,
        examples=(
            'tenure deploy fraud 7 --reason "the audit asked for it"',
            'tenure deploy fraud 8 --rollout -m "let it prove itself first"',
        ),
    ),
    "rollback": Command(
        function=rollback,
        show=_show,
        examples=(
            'tenure rollback fraud --reason "alarms since noon"',
            'tenure rollback fraud --to 5 --reason "6 was trained on it, too"',
        ),
    ),
}
