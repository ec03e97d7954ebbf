"""How does a version get to servers other than Tenure's?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from tenure.cli.command import (
    Command,
    Model,
    ProjectFolder,
    WorkspaceFolder,
    actor,
    must_say,
)
from tenure.cli.looking import must_know
from tenure.cli.output import Block, Line
from tenure.errors import NoChampion
from tenure.serving.exported import Exported
from tenure.workspace import open_workspace


def export(
    model: Model,
    version: Annotated[
        int | None, typer.Argument(help="The version's number; the champion if not given.", min=1)
    ] = None,
    *,
    to: Annotated[Path, typer.Option(help="A new folder.")],
    uri: Annotated[
        str | None,
        typer.Option(
            help="Where the cluster will find the folder: s3://, gs://, pvc://; "
            "pvc://models/MODEL/VERSION if not given.",
            show_default=False,
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", "-m", help="Why; it stands in the record for good.")
    ] = "for a server other than Tenure's",
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Exported:
    """Write a version out for MLServer, Seldon or KServe.

    The folder holds the artifact, `model-settings.json`, an InferenceService that names the
    runtime, the releases that the artifact is bound to, and the signed manifest. Signature and
    digest are checked, and the golden rows are asked as those servers will ask. Guards, log and
    treatment stay here, and a retirement does not reach a copy: the record says who made it.

    Raises:
        ModelNotFound, VersionNotFound, NoChampion: there is none of this name or number.
        VersionRetired, NotFitToServe: it may not serve.
        ExportRefused: the folder is there, or other servers would answer otherwise.
        ArtifactRefused, ObjectMissing, ObjectDamaged: it is not what was signed.
    """
    from tenure.serving.exporting import export as write_out

    opened = open_workspace(workspace, project)
    if must_know(model, opened) is None:
        raise NoChampion(model=model)
    why = must_say(reason)
    return write_out(model, version, to, opened, actor=actor(), reason=why, uri=uri)


def _show(made: Exported) -> Iterator[Block]:
    yield Line(f"Version {made.version} of '{made.model}' is in {made.folder}:", "green")
    for name in made.files:
        yield Line(f"  {name}")
    yield Line(f"`mlserver start {made.folder}` serves it where its requirements.txt is installed.")
    if made.own_code:
        yield Line(f"It needs your own {', '.join(made.own_code)} there as well.", "yellow")


COMMANDS = {
    "export": Command(
        function=export,
        show=_show,
        examples=(
            "tenure export fraud --to /mnt/models/fraud",
            'tenure export fraud 7 --to out --uri s3://models/fraud/7 -m "the shop runs KServe"',
        ),
    )
}
