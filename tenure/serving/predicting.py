"""What happens between a checked request and its answer?

Runs in the computing thread, whole: rows to frame, frame to predictions, and an entry for the
log. It holds one reference from the first step to the last.
"""

from __future__ import annotations

import logging
import time
import traceback
import uuid
from pathlib import Path
from typing import Any

from tenure.predictions import Answered, LoggedVersion, PredictionLog
from tenure.serving.asks import Ask
from tenure.serving.problems import Problem
from tenure.serving.router import Reference
from tenure.serving.runtime import Predicted

_log = logging.getLogger(__name__)


class Job:
    """One request's way through one version."""

    def __init__(self, reference: Reference, ask: Ask, log: PredictionLog) -> None:
        self.reference = reference
        self.ask = ask
        self.log = log
        self.began_at = time.perf_counter()

    def answer(self) -> Predicted:
        """Return the predictions; the log has its entry when this returns.

        Raises:
            Problem: 422 where the version cannot predict these rows.
        """
        runtime = self.reference.runtime
        keeps_log = runtime.rules.log != "off"
        frame = runtime.frame(self.ask.columns)
        try:
            found = runtime.predict(frame, probabilities=self.ask.probabilities or keeps_log)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise self._unpredictable(error) from None
        if keeps_log:
            self.log.append(self._entry(frame, found))
        return found

    def _entry(self, frame: Any, found: Predicted) -> Answered:
        of = logged_version(self.reference)
        inputs = {column.name: _plain(frame[column.name], column.type) for column in of.inputs}
        return Answered(
            of=of,
            epoch=self.reference.epoch,
            slot=self.reference.slot.value,
            at_us=time.time_ns() // 1000,
            ids=self.ask.ids,
            inputs=inputs if of.inputs else None,
            predictions=found.values,
            probabilities=found.probabilities,
            latency_us=int((time.perf_counter() - self.began_at) * 1e6),
        )

    def _unpredictable(self, error: Exception) -> Problem:
        # Every value had its type, so this is about what the estimator takes (no missing values,
        # say). Its text may quote a row, so only its kind and place are written down.
        number = uuid.uuid4()
        last = traceback.extract_tb(error.__traceback__)[-1]
        _log.warning(
            "request %s: version %s of '%s' raised %s at %s:%s",
            number.hex,
            self.reference.version,
            self.reference.model,
            type(error).__name__,
            Path(last.filename).name,
            last.lineno,
        )
        nulls = [name for name, values in self.ask.columns.items() if None in values]
        detail = (
            f"Version {self.reference.version} of '{self.reference.model}' cannot predict these "
            f"rows ({type(error).__name__})."
        )
        if nulls:
            detail += f" Missing values stand in {', '.join(map(repr, nulls[:5]))}."
        return Problem(422, "unpredictable", detail, instance=f"urn:uuid:{number}")


def logged_version(reference: Reference) -> LoggedVersion:
    """Return of which types the log entries of a version are."""
    runtime = reference.runtime
    wanted = runtime.features if runtime.rules.log == "inputs" else ()
    inputs = tuple(column for column in wanted if column.name not in runtime.rules.leave_out)
    return LoggedVersion(
        model=reference.model,
        version=reference.version,
        inputs=inputs,
        classes=runtime.classes if runtime.has_probabilities else (),
    )


def _plain(values: Any, kind: str) -> list[Any]:
    if kind in ("int64", "bool") and not values.isna().any():
        return values.tolist()
    missing = values.isna().to_numpy()
    return [None if gone else value for gone, value in zip(missing, values.tolist(), strict=True)]
