"""How are the rows of several requests computed as one call, and how does each get its own back?

scikit-learn's cost is a call's, hardly a row's: so requests for one version that wait together are
joined. Where the joint call raises, each is run alone, and only who cannot be predicted fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tenure.predictions import LoggedVersion
from tenure.serving.asks import Ask
from tenure.serving.entries import is_treated, plain
from tenure.serving.runtime import Predicted, Runtime

Columns = Mapping[str, Sequence[Any]]
Computed = tuple[Predicted, Columns]
"""What was found, and the rows as the version was given them."""


def compute_jointly(
    runtime: Runtime, of: LoggedVersion, asks: Sequence[Ask], *, probabilities: bool
) -> list[Computed | Exception]:
    """Return for each request its answer, or what the estimator raised on it alone."""
    if len(asks) > 1:
        try:
            columns = {
                name: _joined([ask.columns[name] for ask in asks]) for name in asks[0].columns
            }
            rows = [ask.rows for ask in asks]
            found, given = _call(runtime, of, columns, sum(rows), probabilities)
            if given is not columns:
                return [*_parted((found, given), rows)]
            # What each sent is what the version was given.
            parted = _parted((found, {}), rows)
            return [(one, ask.columns) for (one, _), ask in zip(parted, asks, strict=True)]
        except Exception:  # noqa: BLE001, S110 - which of them it was shows when each is run alone
            pass
    return [_alone(runtime, of, ask, probabilities) for ask in asks]


def planned_jointly(runtime: Runtime, asks: Sequence[Ask]) -> list[Predicted] | None:
    """Return what a plan says of several requests of one row; None where it declines any."""
    columns = {name: [ask.columns[name][0] for ask in asks] for name in asks[0].columns}
    found = runtime.planned(columns, len(asks), probabilities=runtime.has_probabilities)
    if found is None:
        return None
    shares = found.probabilities
    if shares is None:
        return [Predicted([value], None, ()) for value in found.values]
    listed = shares.tolist() if isinstance(shares, np.ndarray) else shares
    pairs = zip(found.values, listed, strict=True)
    return [Predicted([value], [row], ()) for value, row in pairs]


def _alone(
    runtime: Runtime, of: LoggedVersion, ask: Ask, probabilities: bool
) -> Computed | Exception:
    try:
        return _call(runtime, of, ask.columns, ask.rows, probabilities)
    except Exception as error:  # noqa: BLE001 - handed to whoever asked
        return error


def _call(
    runtime: Runtime, of: LoggedVersion, columns: Columns, rows: int, probabilities: bool
) -> Computed:
    if not is_treated(runtime):
        return runtime.answer(columns, rows, probabilities=probabilities), columns
    frame = runtime.frame(columns)
    found = runtime.predict(frame, probabilities=probabilities)
    return found, {each.name: plain(frame[each.name], each.type) for each in of.inputs}


def _joined(parts: Sequence[Sequence[Any]]) -> Sequence[Any]:
    if all(isinstance(part, np.ndarray) for part in parts):
        return np.concatenate(parts)  # type: ignore[arg-type]
    return [value for part in parts for value in part]


def _parted(computed: Computed, rows: Sequence[int]) -> list[Computed]:
    found, columns = computed
    parted, begin = [], 0
    for count in rows:
        end = begin + count
        shares = None if found.probabilities is None else found.probabilities[begin:end]
        bad = [row - begin for row in found.not_finite if begin <= row < end]
        own = Predicted(found.values[begin:end], shares, bad)
        parted.append((own, {name: values[begin:end] for name, values in columns.items()}))
        begin = end
    return parted
