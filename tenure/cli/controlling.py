"""Who answers a case, stops automation, lets it act again, and brings a version back?

All of it acts on the ledger itself, Prefect up or down, by the functions that the flows call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
from tenure.cli.looking import ledger_about, ledger_if_any, must_have, must_know
from tenure.cli.output import Block, Line, Table
from tenure.errors import CaseNotFound, HaltsNothing
from tenure.records import Case, CaseState, Halt, Version
from tenure.workspace import open_workspace

Everything = Annotated[bool, typer.Option("--all", help="All models.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Whose automation may act again (None: everything's), and which halts still hold."""

    model: str | None
    still: tuple[Halt, ...]


def approve(
    case: Annotated[
        str, typer.Argument(help="A model whose case waits; or a case's id, or how that begins.")
    ],
    *,
    reason: Reason,
    decline: Annotated[bool, typer.Option("--decline", help="Say no instead.")] = False,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Case:
    """Approve what a case asks for, or decline it.

    What was approved is carried out by the runners, or by the next reconcile. Where four eyes are
    wanted, neither who asked nor who answered before is the second person.

    Raises:
        CaseNotFound, AmbiguousCase: no case waits for the model, or none, or more than one,
            begins so.
        CaseIsOver, CaseNotWaiting, SamePerson, NotAPerson: it takes no answer from you.
    """
    from tenure import retirement

    opened = open_workspace(workspace, project)
    ledger = ledger_if_any(opened)
    if ledger is None:
        raise CaseNotFound(case=case[:64])
    if case in ledger.models():
        found = retirement.only_waiting(case, opened)
        if found is None:
            raise CaseNotFound(case=case)
        case = found.id
    answered = retirement.approve(case, not decline, must_say(reason), opened, actor=actor())
    make_known(answered.model, opened, actor=actor())
    return answered


def cases(
    model: AnyModel = None,
    *,
    all: Annotated[  # noqa: A002 - the option's own name
        bool, typer.Option("--all", help="Closed ones, too.")
    ] = False,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> tuple[Case, ...]:
    """List the cases that wait for somebody or are being carried out, oldest first.

    Raises:
        ModelNotFound: there is no such model.
    """
    opened = open_workspace(workspace, project)
    ledger = ledger_about(model, opened)
    if ledger is None:
        return ()
    found = ledger.cases(model) if all else ledger.undone_cases()
    return tuple(case for case in found if model in (None, case.model))


def restore(
    model: Model,
    version: Annotated[int, typer.Argument(help="The version's number.", min=1)],
    *,
    reason: Reason,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Version:
    """Make a retired version fit to serve again, after its bytes and golden rows were checked.

    It is on standby then; `deploy` puts it into office.

    Raises:
        ModelNotFound, VersionNotFound: there is none of this name or number.
        VersionPurged, NotAllowedStage, CaseOpen, RestoreNeedsPerson: it may not come back.
        ArtifactRefused, ObjectMissing, ObjectDamaged: it is not what it was.
    """
    from tenure import retirement

    opened = open_workspace(workspace, project)
    must_have(model, version, opened)
    back = retirement.restore(model, version, opened, actor=actor(), reason=must_say(reason))
    make_known(model, opened, actor=actor())
    return back


def halt(
    model: AnyModel = None,
    *,
    reason: Reason,
    all: Everything = False,  # noqa: A002 - the option's own name
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Halt:
    """Stop the automation of a model, or of all of them, from now on.

    Nothing automatic moves a slot, changes a stage or tells anybody until `resume`; people may
    still act. A restart changes nothing of it.

    Raises:
        HaltsNothing: neither a model nor `--all`, or both.
        ModelNotFound: there is no such model.
        NotAPerson: only people stop automation.
    """
    from tenure import retirement

    opened = open_workspace(workspace, project)
    _check_scope("halt", model, all)
    if model is not None:
        must_know(model, opened)
    halted = retirement.halt(model, opened, actor=actor(), reason=must_say(reason))
    make_known(model, opened, actor=actor())
    return halted


def resume(
    model: AnyModel = None,
    *,
    reason: Reason,
    all: Everything = False,  # noqa: A002 - the option's own name
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Resumed:
    """Let automation act again, for a model or for all of them.

    A model that was halted by itself stays halted when all are resumed, and the other way round.

    Raises:
        HaltsNothing: neither a model nor `--all`, or both.
        ModelNotFound, NotHalted: there is nothing to lift.
        NotAPerson: only people let automation act again.
    """
    from tenure import retirement
    from tenure.registry import open_ledger

    opened = open_workspace(workspace, project)
    _check_scope("resume", model, all)
    if model is not None:
        must_know(model, opened)
    retirement.resume(model, opened, actor=actor(), reason=must_say(reason))
    make_known(model, opened, actor=actor())
    halts = open_ledger(opened).halts()
    still = tuple(each for each in halts if model is None or each.model in (None, model))
    return Resumed(model=model, still=still)


def _check_scope(verb: str, model: str | None, everything: bool) -> None:
    if (model is None) is not everything:
        raise HaltsNothing(verb=verb, got="both" if everything else "neither")


def _show_case(case: Case) -> Iterator[Block]:
    answers = sum(each.approved for each in case.approvals)
    what = f"{case.action.value} version {case.version} of '{case.model}'"
    match case.state:
        case CaseState.DECLINED:
            yield Line(f"Case {case.id[:12]} is declined: {what} stays undone.", "yellow")
        case CaseState.WAITING:
            more = case.approvals_wanted - answers
            yield Line(f"Case {case.id[:12]} ({what}) waits for {more} more approval(s).")
        case _:
            yield Line(f"Case {case.id[:12]} is approved: {what} is carried out.", "green")


def _show_cases(found: tuple[Case, ...]) -> Iterator[Block]:
    if not found:
        yield Line("No case waits or is being carried out.")
        return
    heads = ("case", "model", "version", "asks", "state", "until", "why")
    rows = [
        (
            case.id[:12],
            case.model,
            case.version,
            case.action.value,
            case.state.value,
            case.deadline_at or "",
            case.outcome or case.reason,
        )
        for case in found
    ]
    yield Table(heads, rows)


def _show_restored(version: Version) -> Iterator[Block]:
    name = f"Version {version.number} of '{version.model}'"
    yield Line(f"{name} is {version.stage.value}: its bytes and golden rows hold.", "green")
    yield Line(f"tenure deploy {version.model} {version.number} -m … lets it serve.", "dim")


def _show_halt(halt: Halt) -> Iterator[Block]:
    scope = f"'{halt.model}'" if halt.model else "every model"
    yield Line(f"Automation of {scope} is halted since {halt.since:%Y-%m-%d %H:%M:%S} UTC.", "red")


def _show_resumed(result: Resumed) -> Iterator[Block]:
    scope = f"'{result.model}'" if result.model else "every model"
    yield Line(f"Automation of {scope} may act again.", "green")
    for each in result.still:
        what = f"'{each.model}'" if each.model else "every model"
        yield Line(f"Still halted: {what}, by {each.by}: {each.reason}", "yellow")


COMMANDS = {
    "approve": Command(
        function=approve,
        show=_show_case,
        examples=(
            'tenure approve fraud -m "looked at the drift, agreed"',
            'tenure approve 3fa29c --decline -m "a holiday, not a breach"',
        ),
    ),
    "cases": Command(
        function=cases, show=_show_cases, examples=("tenure cases", "tenure cases fraud --all")
    ),
    "restore": Command(
        function=restore,
        show=_show_restored,
        examples=('tenure restore fraud 7 -m "the feed was at fault, not the model"',),
    ),
    "halt": Command(
        function=halt,
        show=_show_halt,
        examples=(
            'tenure halt fraud -m "audit under way"',
            'tenure halt --all -m "the feed is broken"',
        ),
    ),
    "resume": Command(
        function=resume,
        show=_show_resumed,
        examples=('tenure resume fraud -m "audit done"', 'tenure resume --all -m "feed is back"'),
    ),
}
