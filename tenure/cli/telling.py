"""Why was something decided, what do people remark, and where can it be looked at?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenure.cli.command import (
    AnyModel,
    Command,
    ProjectFolder,
    WorkspaceFolder,
    actor,
    must_say,
)
from tenure.cli.looking import find_batch, ledger_if_any, must_know
from tenure.cli.output import Block, Line
from tenure.errors import BatchNotFound, CaseNotFound, VersionNotFound
from tenure.records import AuditRow
from tenure.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from tenure.monitoring.explaining import Explanation
    from tenure.registry import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Why a case was opened or a decision made: in lines, and as plain values."""

    text: tuple[str, ...]
    facts: dict[str, Any]
    page: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The pages that were made anew: as files, and where the endpoint shows them, if it is up."""

    files: tuple[Path, ...]
    addresses: tuple[str, ...]


def explain(
    case: Annotated[str, typer.Argument(help="A case's id, or how it begins.")],
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Explained:
    """Say why a case was opened: its decision, the readings behind it, rule and guards.

    A decision's whole id is understood as well.

    Raises:
        CaseNotFound, AmbiguousCase: none, or more than one, begins so.
    """
    opened = open_workspace(workspace, project)
    if ledger_if_any(opened) is None:
        raise CaseNotFound(case=case[:64])
    from tenure.monitoring.explaining import explain as explain_case

    found = explain_case(case, opened)
    page = _case_page(found)
    return Explained(
        text=tuple(found.text),
        facts=found.as_dict(),
        page=str(opened.pages / page) if page else None,
    )


def _case_page(found: Explanation) -> str | None:
    from tenure.pages.paths import case_path

    return case_path(found.case.model, found.case.id) if found.case else None


def note(
    about: Annotated[
        str,
        typer.Argument(
            help="MODEL, MODEL@VERSION, or MODEL/ID with how a case's or a batch's id begins."
        ),
    ],
    text: Annotated[str, typer.Argument(help="The remark; it stands in the record for good.")],
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> AuditRow:
    """Put a remark on a model, a version, a case or a batch; its page and the model's show it.

    Write nothing out of a row: remarks cannot be taken back.

    Raises:
        ModelNotFound, VersionNotFound, CaseNotFound, AmbiguousCase: there is nothing of this name.
    """
    from tenure.pages import draw_remarked
    from tenure.registry import open_ledger

    opened = open_workspace(workspace, project)
    model, sign, part = _parted(about)
    known = must_know(model, opened)
    body = _subject(model, sign, part, known)
    row = open_ledger(opened).note(
        "remark",
        model=model,
        actor=actor(),
        reason=must_say(text),
        evidence="a person's word",
        body=body,
    )
    draw_remarked(row, opened)
    return row


def _parted(about: str) -> tuple[str, str, str]:
    for sign in ("@", "/"):
        if sign in about:
            return about.partition(sign)
    return about, "", ""


def _subject(model: str, sign: str, part: str, ledger: Ledger | None) -> dict[str, Any]:
    """Return what a remark is about, as its audit row names it."""
    if not sign:
        return {}
    if sign == "@":
        if ledger is None or not part.isdecimal():
            newest = ledger.versions(model, limit=1) if ledger else []
            number = newest[0].number if newest else "none"
            raise VersionNotFound(model=model, version=part[:20] or "''", newest=number)
        return {"version": ledger.version(model, int(part)).number}
    if ledger is None or not part:
        raise CaseNotFound(case=part)
    try:
        case = ledger.case(part)
    except CaseNotFound:
        try:
            return {"batch": find_batch(ledger, model, part).digest}
        except BatchNotFound:
            raise CaseNotFound(case=part[:64]) from None
    if case.model != model:
        raise CaseNotFound(case=part[:64])
    return {"case": case.id, "version": case.version}


def page(
    model: AnyModel = None,
    *,
    windows: Annotated[
        int, typer.Option(help="Evidently's pages of so many of the newest windows, too.", min=0)
    ] = 0,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Drawn:
    """Make the pages anew: the life of one model with its cases, or of all, and the fleet.

    Evidently's pages are large and kept for the last windows alone; `--windows` makes those that
    were cleared away again from the stored reports. The next window clears them away once more.

    Raises:
        ModelNotFound: there is no such model.
        ObjectMissing, ObjectDamaged: a stored report is not what it was.
    """
    from tenure.pages import draw_model
    from tenure.pages.fleet import all_models, write_index
    from tenure.telling import links_of

    opened = open_workspace(workspace, project)
    if model is not None:
        must_know(model, opened)
    wanted = [model] if model is not None else all_models(opened)
    for name in wanted if windows else ():
        _draw_windows(name, windows, opened)
    files = [draw_model(name, opened, index=False) for name in wanted] + [write_index(opened)]
    links = links_of(opened)
    shown = [links.page(file.relative_to(opened.pages).as_posix()) for file in files]
    return Drawn(files=tuple(files), addresses=tuple(shown) if links.endpoint else ())


def _draw_windows(model: str, count: int, workspace: Workspace) -> None:
    from tenure.monitoring.window_pages import draw_page
    from tenure.registry import open_ledger

    for reading in open_ledger(workspace).readings(model, limit=count):
        draw_page(reading, workspace)


def _show_explained(found: Explained) -> Iterator[Block]:
    for place, line in enumerate(found.text):
        yield Line(line, "" if place else "bold")
    if found.page:
        yield Line(f"page {found.page}")


def _show_note(row: AuditRow) -> Iterator[Block]:
    kind = next((each for each in ("case", "batch", "version") if each in row.body), "")
    subject = f", {kind} {str(row.body[kind])[:12]}," if kind else ""
    yield Line(f"The remark on '{row.model}'{subject} is row {row.seq} of the record.", "green")


def _show_pages(drawn: Drawn) -> Iterator[Block]:
    yield from (Line(shown) for shown in drawn.addresses or map(str, drawn.files))


COMMANDS = {
    "explain": Command(
        function=explain,
        show=_show_explained,
        examples=("tenure explain 3fa29c", "tenure explain 3fa29c --json"),
    ),
    "note": Command(
        function=note,
        show=_show_note,
        examples=(
            'tenure note fraud "The card scheme changed its codes on Monday."',
            'tenure note fraud@7 "Reviewed by the risk board."',
            'tenure note fraud/3fa29c "Known: the feed was late."',
        ),
    ),
    "page": Command(
        function=page, show=_show_pages, examples=("tenure page", "tenure page fraud --windows 20")
    ),
}
