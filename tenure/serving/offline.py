"""What would the champion answer, asked without a server?"""

from __future__ import annotations

from typing import Any

import orjson

from tenure.errors import BadRequest, NoChampion
from tenure.records import Column
from tenure.registry import open_ledger
from tenure.serving import answers
from tenure.serving.asks import Ask
from tenure.serving.instances import columns_of
from tenure.serving.limits import Limits
from tenure.serving.loading import load_runtime
from tenure.serving.problems import Problem
from tenure.serving.router import Reference
from tenure.serving.runtime import Runtime
from tenure.workspace import Workspace


def predict_offline(
    model: str, rows: list[dict[str, Any]], workspace: Workspace, *, version: int | None = None
) -> dict[str, Any]:
    """Return what the server would answer for some rows; loads the version here, safely.

    Nothing is written to the prediction log.

    Args:
        model: its name.
        workspace: where it is.
        rows: one object by column name a row.
        version: which version; the champion by default.

    Raises:
        NoChampion, VersionNotFound: there is nothing to ask.
        BadRequest: the rows are not what the version takes.
        ArtifactRefused, ObjectMissing, ObjectDamaged: it is not fit to serve.
    """
    ledger = open_ledger(workspace)
    slot = ledger.slot(model)
    if slot is None or slot.version is None:
        raise NoChampion(model=model)
    number = slot.version if version is None else version
    runtime = load_runtime(ledger.version(model, number), workspace, isolated=False)
    reference = Reference(
        model=model,
        version=number,
        epoch=slot.epoch,
        slot=slot.slot,
        since=slot.since,
        runtime=runtime,
    )
    return _answer(rows, runtime, reference)


def _answer(rows: list[dict[str, Any]], runtime: Runtime, reference: Reference) -> dict[str, Any]:
    try:
        ask = _ask(rows, runtime.asked)
        found = runtime.predict(runtime.frame(ask.columns), probabilities=True)
    except Problem as problem:
        raise BadRequest(detail=problem.detail, field=problem.field) from None
    except (ValueError, TypeError, ArithmeticError) as error:
        detail = (
            f"Version {runtime.version} of '{runtime.model}' cannot predict these rows "
            f"({type(error).__name__})."
        )
        raise BadRequest(detail=detail, field=None) from error
    return orjson.loads(answers.predictions(ask, found, reference))


def _ask(rows: list[dict[str, Any]], asked: tuple[Column, ...]) -> Ask:
    if not rows:
        raise Problem(422, "no-instances", "There is no row to predict.")
    ids = [str(row) for row in range(len(rows))]
    return Ask(columns=columns_of(rows, asked, Limits()), ids=ids, probabilities=True)
