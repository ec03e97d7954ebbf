"""What goes into the prediction log of an answered request, and what is said of a failed one?"""

from __future__ import annotations

import logging
import time
import traceback
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tenure.predictions import Answered, LoggedVersion
from tenure.serving.asks import Ask
from tenure.serving.problems import Problem
from tenure.serving.router import Reference
from tenure.serving.runtime import Predicted, Runtime

_log = logging.getLogger(__name__)

Columns = Mapping[str, Sequence[Any]]


def logged_version(runtime: Runtime) -> LoggedVersion:
    """Return of which types the log entries of a version are."""
    wanted = runtime.features if runtime.rules.log == "inputs" else ()
    inputs = tuple(column for column in wanted if column.name not in runtime.rules.leave_out)
    return LoggedVersion(
        model=runtime.model,
        version=runtime.version,
        inputs=inputs,
        classes=runtime.classes if runtime.has_probabilities else (),
    )


def is_treated(runtime: Runtime) -> bool:
    """Say whether the log may only hold what was made of the columns that arrive."""
    data = runtime.rules.data
    return data is not None and any(column.name in data.treat for column in runtime.asked)


def entry(
    of: LoggedVersion,
    reference: Reference,
    ask: Ask,
    found: Predicted,
    inputs: Columns | None,
    began_at: float,
    flags: Sequence[str | None] | None = None,
) -> Answered:
    """Return the log's entry of one answered request.

    Args:
        of: what the version logs.
        reference: what answered.
        ask: what was asked.
        found: what was answered.
        inputs: the rows by column as the version was given them.
        began_at: when the request had been read (`time.perf_counter`).
        flags: what guards found, a text a row.
    """
    # By place: names would cost a third more, thousands of times a second.
    return Answered(
        of,
        reference.epoch,
        reference.slot,
        time.time_ns() // 1000,
        ask.ids,
        inputs if of.inputs else None,
        found.values,
        found.probabilities,
        int((time.perf_counter() - began_at) * 1e6),
        flags,
    )


def plain(values: Any, kind: str) -> list[Any]:
    """Return a frame's column as plain values, None where one is missing."""
    if kind in ("int64", "bool") and not values.isna().any():
        return values.tolist()
    missing = values.isna().to_numpy()
    return [None if gone else value for gone, value in zip(missing, values.tolist(), strict=True)]


def unpredictable(reference: Reference, ask: Ask, error: Exception) -> Problem:
    """Return what a client reads whose rows the estimator cannot take.

    Every value had its type, so this is about what the estimator takes (no missing values, say).
    Its text may quote a row, so only its kind and place are written down.
    """
    number = uuid.uuid4()
    last = traceback.extract_tb(error.__traceback__)[-1]
    _log.warning(
        "request %s: version %s of '%s' raised %s at %s:%s",
        number.hex,
        reference.version,
        reference.model,
        type(error).__name__,
        Path(last.filename).name,
        last.lineno,
    )
    nulls = [name for name, values in ask.columns.items() if _lacks_some(values)]
    detail = (
        f"Version {reference.version} of '{reference.model}' cannot predict these "
        f"rows ({type(error).__name__})."
    )
    if nulls:
        detail += f" Missing values stand in {', '.join(map(repr, nulls[:5]))}."
    return Problem(422, "unpredictable", detail, instance=f"urn:uuid:{number}")


def _lacks_some(values: Sequence[Any]) -> bool:
    return any(value is None or value != value for value in values)
