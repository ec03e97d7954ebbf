"""What does a model predict, asked from the command line?"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from tenure.cli.command import Command, Model, ProjectFolder, WorkspaceFolder
from tenure.cli.looking import must_know
from tenure.cli.output import Block, Line, Table
from tenure.cli.prefect import read_up
from tenure.errors import (
    BadAsk,
    EndpointBusy,
    EndpointRefuses,
    NoChampion,
    NoEndpoint,
)
from tenure.records import Column
from tenure.workspace import Workspace, open_workspace

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Predictions in the order of the rows, and the version that made them.

    `probabilities` has a list a row in the order of `classes`, if they were asked for.
    """

    model: str
    version: int
    epoch: int
    predictions: tuple[Any, ...]
    ids: tuple[str, ...]
    slot: str = "champion"
    classes: tuple[Any, ...] = ()
    probabilities: tuple[Any, ...] = ()
    not_finite: tuple[int, ...] = field(default=())


def predict(
    model: str,
    rows: Sequence[dict[str, Any]],
    *,
    offline: bool = False,
    workspace: Path | str | None = None,
    project: Path | str | None = None,
) -> Answer:
    """Predict for some rows: asks the endpoint, or with `offline` loads the champion here.

    What the endpoint answers is in the prediction log; what is asked offline is not.

    Args:
        model: its name.
        rows: one mapping of column to value a row.
        offline: do not ask the endpoint.
        workspace: its folder; the project by default.
        project: the checkout.

    Raises:
        ModelNotFound, NoChampion: there is nothing to ask.
        NoEndpoint: no prediction server can be reached.
        EndpointRefuses, BadRequest: the rows are not what the version takes.
    """
    opened = open_workspace(workspace, project)
    return _ask(model, [dict(row) for row in rows], opened, offline=offline)


def predict_verb(
    model: Model,
    values: Annotated[
        list[str] | None,
        typer.Argument(help="One row as column=value …", show_default=False),
    ] = None,
    *,
    json_file: Annotated[
        str | None,
        typer.Option(help="A file with a row or a list of rows as JSON; '-' reads it from a pipe."),
    ] = None,
    offline: Annotated[
        bool, typer.Option(help="Load the champion here instead of asking the endpoint.")
    ] = False,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Answer:
    """Ask the endpoint for predictions, or with --offline the champion itself.

    The answer names the version that gave it. What the endpoint answers is in the prediction log.
    """
    opened = open_workspace(workspace, project)
    if bool(values) == bool(json_file):
        wanted = "either column=value … or --json-file"
        raise BadAsk(what="The row", got="both" if values else "nothing", wanted=wanted)
    ledger = must_know(model, opened)
    if json_file:
        rows = _rows_of(json_file)
    else:
        slot = ledger.slot(model) if ledger else None
        if ledger is None or slot is None or slot.version is None:
            raise NoChampion(model=model)
        version = ledger.version(model, slot.version)
        candidate = ledger.candidate(version.candidate)
        rows = [_row_of(values or [], candidate.features if candidate else ())]
    return _ask(model, rows, opened, offline=offline)


def _ask(model: str, rows: list[dict[str, Any]], workspace: Workspace, *, offline: bool) -> Answer:
    if must_know(model, workspace) is None:
        raise NoChampion(model=model)
    if offline:
        from tenure.serving import predict_offline

        said = predict_offline(model, rows, workspace)
    else:
        said = _from_endpoint(model, rows, workspace)
    return Answer(
        model=said["model"],
        version=said["version"],
        epoch=said["epoch"],
        slot=said["slot"],
        predictions=tuple(said["predictions"]),
        ids=tuple(said["ids"]),
        classes=tuple(said.get("classes", ())),
        probabilities=tuple(said.get("probabilities", ())),
        not_finite=tuple(said.get("not_finite", ())),
    )


def _from_endpoint(model: str, rows: list[dict[str, Any]], workspace: Workspace) -> dict[str, Any]:
    import httpx

    up = read_up(workspace)
    address = up.addresses.get("endpoint") if up else None
    if address is None:
        raise NoEndpoint(detail="nothing is up in this workspace")
    try:
        body = orjson.dumps({"instances": rows})
        answer = httpx.post(
            f"{address}/v1/models/{model}:predict",
            content=body,
            headers={"content-type": "application/json"},
            timeout=TIMEOUT_S,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        detail = f"{address} does not answer ({type(error).__name__})"
        raise NoEndpoint(detail=detail) from error
    except (TypeError, orjson.JSONEncodeError) as error:
        wanted = "numbers, texts, booleans and null"
        raise BadAsk(what="The rows", got="a value that is no JSON", wanted=wanted) from error
    if answer.status_code == 200:
        return orjson.loads(answer.content)
    raise _refusal(answer, model)


def _refusal(answer: Any, model: str) -> Exception:
    try:
        problem = orjson.loads(answer.content)
        detail = str(problem.get("detail") or problem.get("error"))
        pointer = problem.get("field")
    except (orjson.JSONDecodeError, AttributeError):
        detail, pointer = f"status {answer.status_code}", None
    said = f"{detail} (at {pointer})" if pointer else detail
    if answer.status_code in (409, 503):
        return EndpointBusy(model=model, detail=said)
    if answer.status_code >= 500:
        return NoEndpoint(detail=said)
    return EndpointRefuses(detail=said)


def _rows_of(name: str) -> list[dict[str, Any]]:
    what = "Standard input" if name == "-" else f"File {name}"
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        rows = orjson.loads(data)
    except OSError as error:
        wanted = "a file that can be read"
        raise BadAsk(what=what, got=error.strerror or "no file", wanted=wanted) from error
    except orjson.JSONDecodeError as error:
        place = f"no JSON at line {error.lineno}, column {error.colno}"
        raise BadAsk(what=what, got=place, wanted="a row or a list of rows") from error
    if isinstance(rows, dict):
        rows = rows.get("instances", [rows])
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        wanted = '{"column": value, …} or a list of such rows'
        raise BadAsk(what=what, got="something else", wanted=wanted)
    return rows


def _row_of(values: Sequence[str], columns: Sequence[Column]) -> dict[str, Any]:
    types = {column.name: column.type for column in columns}
    row: dict[str, Any] = {}
    for value in values:
        name, sign, text = value.partition("=")
        if not sign:
            raise BadAsk(what="A value", got="no '='", wanted="column=value")
        if name in row:
            raise BadAsk(what=f"Column '{name}'", got="it twice", wanted="it once")
        row[name] = _typed(name, text, types.get(name, "string"))
    return row


def _typed(name: str, text: str, kind: str) -> Any:
    """Return a text as a value of a column's type; an empty text is a missing value."""
    if text == "":
        return None
    try:
        match kind:
            case "int64":
                return int(text)
            case "float64":
                return float(text)
            case "bool":
                return {"true": True, "false": False}[text.lower()]
            case _:
                return text
    except (ValueError, KeyError) as error:
        raise BadAsk(what=f"Column '{name}'", got="a text that is none", wanted=kind) from error


def _show(answer: Answer) -> Iterator[Block]:
    heads: tuple[str, ...] = ("row", "prediction")
    heads += tuple(f"p({name})" for name in answer.classes if answer.probabilities)
    rows = [
        (str(place), value, *(answer.probabilities[place] if answer.probabilities else ()))
        for place, value in enumerate(answer.predictions)
    ]
    yield Table(heads, [[_exact(value) for value in row] for row in rows])
    yield Line(f"by version {answer.version} of '{answer.model}' (epoch {answer.epoch})")


def _exact(value: Any) -> str:
    return "no number" if value is None else str(value)


COMMANDS = {
    "predict": Command(
        function=predict_verb,
        show=_show,
        examples=(
            "tenure predict iris sepal_length=5.1 sepal_width=3.5 petal_length=1.4 petal_width=0.2",
            "tenure predict fraud --json-file rows.json --json",
            "tenure predict fraud --json-file - --offline < rows.json",
        ),
    )
}
