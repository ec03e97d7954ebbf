"""What do scikit-learn's preparing steps do to each column, said in numbers and tables?

Only the very classes that are known here are taken, with settings that are known; `Unknown` is
raised for the rest, and scikit-learn serves. What encoders say of their categories is asked of the
fitted encoder itself.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tenure.plans.arithmetic import run
from tenure.plans.shapes import NUMBERS, TEXTS, Number, Op, Raw, Table

MOST_CELLS = 4_000_000
EXACT_FLOAT = 2.0**53
Slots = list[Raw | Number | Table]


class Unknown(Exception):
    """An estimator, or a setting of one, that no plan is made for."""


def apply(step: Any, slots: Slots) -> Slots:
    """Return what a fitted transformer makes of some slots.

    Raises:
        Unknown: it is not known, or not with these settings or columns.
    """
    known = _STEPS.get(type(step).__name__)
    if known is None or not is_of(step, known[0]):
        raise Unknown(type(step).__name__)
    return known[1](step, slots)


def is_of(step: Any, *homes: str) -> bool:
    """Return whether it is the very class that one of these modules of scikit-learn offers."""
    # A user's own class may bear the same name, and a subclass may do anything.
    home = ".".join(type(step).__module__.split(".")[:2])
    offered = sys.modules.get(home) if home in homes else None
    return offered is not None and getattr(offered, type(step).__name__, None) is type(step)


def _pipeline(step: Any, slots: Slots) -> Slots:
    for _, each in step.steps:
        if each is not None and each != "passthrough":
            slots = apply(each, slots)
    return slots


def _column_transformer(step: Any, slots: Slots) -> Slots:
    if step.transformer_weights:
        raise Unknown("transformer_weights")
    names = [slot.column if isinstance(slot, Raw) else None for slot in slots]
    found: Slots = []
    for _, each, columns in step.transformers_:
        if isinstance(each, str) and each == "drop":
            continue
        chosen = [slots[place] for place in _places(columns, names)]
        if not chosen:
            continue
        found += chosen if isinstance(each, str) else apply(each, chosen)
    return found


def _places(columns: Any, names: Sequence[str | None]) -> list[int]:
    if isinstance(columns, slice):
        if any(isinstance(end, str) for end in (columns.start, columns.stop)):
            raise Unknown("a slice of names")
        return list(range(len(names)))[columns]
    listed = [columns] if isinstance(columns, (str, int)) else list(columns)
    if listed and all(isinstance(each, (bool, np.bool_)) for each in listed):
        return [place for place, wanted in enumerate(listed) if wanted]
    if any(isinstance(each, str) and each not in names for each in listed):
        raise Unknown("a column that is no feature")
    return [names.index(each) if isinstance(each, str) else int(each) for each in listed]


def _union(step: Any, slots: Slots) -> Slots:
    if step.transformer_weights:
        raise Unknown("transformer_weights")
    found: Slots = []
    for _, each in step.transformer_list:
        if isinstance(each, str) and each == "drop":
            continue
        found += slots if isinstance(each, str) else apply(each, slots)
    return found


def _function(step: Any, slots: Slots) -> Slots:
    if step.func is not None:
        raise Unknown("a function")
    return slots


def _numbered(slots: Slots, ops: Callable[[int], tuple[Op, ...]]) -> Slots:
    """Return the slots with arithmetic added; `ops` gives it for each number of the row."""
    found: Slots = []
    at = 0
    for slot in slots:
        made = as_number(slot)
        if isinstance(made, Number):
            found.append(replace(made, ops=made.ops + ops(at)))
        else:
            found.append(_over_table(made, [ops(at + place) for place in range(made.width)]))
        at += made.width
    return found


def as_number(slot: Raw | Number | Table) -> Number | Table:
    """Return a slot whose numbers can be computed with.

    Raises:
        Unknown: it is a column of texts or times, as it comes.
    """
    if not isinstance(slot, Raw):
        return slot
    if slot.kind not in NUMBERS:
        raise Unknown("arithmetic on a text or a time")
    return Number(column=slot.column)


def _over_table(table: Table, ops: Sequence[tuple[Op, ...]]) -> Table:
    def changed(rows: np.ndarray | None) -> np.ndarray | None:
        if rows is None:
            return None
        done = [run(rows[..., place], each) for place, each in enumerate(ops)]
        return np.stack(done, axis=-1) if done else rows

    rows = changed(table.rows)
    assert rows is not None
    return replace(table, rows=rows, missing=changed(table.missing), unseen=changed(table.unseen))


def _standard(step: Any, slots: Slots) -> Slots:
    def ops(at: int) -> tuple[Op, ...]:
        found: tuple[Op, ...] = ()
        if step.with_mean:
            found += (("sub", float(step.mean_[at])),)
        if step.with_std:
            found += (("div", float(step.scale_[at])),)
        return found

    return _numbered(slots, ops)


def _robust(step: Any, slots: Slots) -> Slots:
    def ops(at: int) -> tuple[Op, ...]:
        found: tuple[Op, ...] = ()
        if step.with_centering:
            found += (("sub", float(step.center_[at])),)
        if step.with_scaling:
            found += (("div", float(step.scale_[at])),)
        return found

    return _numbered(slots, ops)


def _min_max(step: Any, slots: Slots) -> Slots:
    low, high = step.feature_range
    clip: tuple[Op, ...] = (("clip", float(low), float(high)),) if step.clip else ()
    return _numbered(
        slots, lambda at: (("mul", float(step.scale_[at])), ("add", float(step.min_[at])), *clip)
    )


def _max_abs(step: Any, slots: Slots) -> Slots:
    clip: tuple[Op, ...] = (("clip", -1.0, 1.0),) if getattr(step, "clip", False) else ()
    return _numbered(slots, lambda at: (("div", float(step.scale_[at])), *clip))


def _selected(step: Any, slots: Slots) -> Slots:
    wanted = np.asarray(step.get_support(), dtype=bool)
    found: Slots = []
    at = 0
    for slot in slots:
        width = 1 if isinstance(slot, Raw) else slot.width
        mine = wanted[at : at + width]
        at += width
        if isinstance(slot, Table) and mine.any():
            cut = [None if each is None else each[mine] for each in (slot.missing, slot.unseen)]
            found.append(replace(slot, rows=slot.rows[:, mine], missing=cut[0], unseen=cut[1]))
        elif not isinstance(slot, Table) and mine.all():
            found.append(slot)
    return found


def _is_nan(value: Any) -> bool:
    return value is None or (isinstance(value, (float, np.floating)) and bool(np.isnan(value)))


def _imputer(step: Any, slots: Slots) -> Slots:
    if not _is_nan(step.missing_values):
        raise Unknown("missing_values")
    if any(_is_nan(value) for value in step.statistics_):
        raise Unknown("a column without a value to fill with")
    if sum(1 if isinstance(slot, Raw) else slot.width for slot in slots) != len(step.statistics_):
        raise Unknown("columns")
    found: Slots = []
    at = 0
    for slot in slots:
        if isinstance(slot, Raw) and slot.kind not in NUMBERS:
            fill = step.statistics_[at]
            if not isinstance(fill, str):
                raise Unknown("a fill that is no text")
            found.append(slot if slot.fill is not None else replace(slot, fill=fill))
            at += 1
            continue
        width = 1 if isinstance(slot, Raw) else slot.width
        start = at
        found += _numbered(
            [slot], lambda place, start=start: (("fill", float(step.statistics_[start + place])),)
        )
        at += width
    return found + _indicators(step, slots)


def _indicators(step: Any, slots: Slots) -> Slots:
    if not step.add_indicator:
        return []
    found: Slots = []
    for place in step.indicator_.features_:
        if len(slots) != len(step.statistics_):
            raise Unknown("an indicator after an encoder")
        slot = slots[int(place)]
        if isinstance(slot, Raw) and slot.kind in TEXTS:
            raise Unknown("an indicator of a text")
        found += _numbered([slot], lambda _: (("missing",),))
    return found


def _encoder(step: Any, slots: Slots) -> Slots:
    """Return tables of what a fitted encoder makes of each column's categories."""
    if len(step.categories_) != len(slots):
        raise Unknown("columns")
    keys = [_keys(values, slot) for values, slot in zip(step.categories_, slots, strict=True)]
    if any(not each for each in keys):
        raise Unknown("a column without a category")
    rows = max(len(each) for each in keys)
    if rows * sum(len(each) + 1 for each in keys) > MOST_CELLS:
        raise Unknown("too many categories")
    known = _asked(step, [[*each, *[each[0]] * (rows - len(each))] for each in keys])
    if known is None:
        raise Unknown("it raised on its own categories")
    missing = _each(step, keys, [[_NAN] for _ in keys])
    unseen = _each(step, keys, [[_unseen(each)] for each in keys])
    found: Slots = []
    start = 0
    for place, (slot, width) in enumerate(zip(slots, _widths(step, keys, known), strict=True)):
        part = slice(start, start + width)
        start += width
        found.append(
            _table(
                slot,
                keys[place],
                known[: len(keys[place]), part],
                _cut(missing[place], part),
                _cut(unseen[place], part),
            )
        )
    return found


_NAN = float("nan")


def _cut(row: np.ndarray | None, part: slice) -> np.ndarray | None:
    return None if row is None else row[0, part]


def _keys(values: Any, slot: Raw | Number | Table) -> list[Any]:
    is_text = isinstance(slot, Raw) and slot.kind in TEXTS
    keys = [value for value in np.asarray(values).tolist() if not _is_nan(value)]
    if is_text and all(isinstance(key, str) for key in keys):
        return keys
    is_number = isinstance(slot, Number) or (isinstance(slot, Raw) and slot.kind in NUMBERS)
    if is_number and all(isinstance(key, (int, float)) for key in keys):
        if any(abs(key) > EXACT_FLOAT for key in keys):
            raise Unknown("categories above 2**53")
        return [float(key) for key in keys]
    raise Unknown("categories of another type than their column")


def _unseen(keys: list[Any]) -> Any:
    if isinstance(keys[0], str):
        return "".join(keys)[:64] + "\x00unseen"
    return max(keys) * 2 + 1.5 if max(keys) > 0 else max(keys) + 1.5


def _asked(step: Any, columns: list[list[Any]]) -> np.ndarray | None:
    import pandas as pd

    names = getattr(step, "feature_names_in_", range(len(columns)))
    frame = pd.DataFrame(
        {
            name: pd.Series(
                values, dtype=object if any(isinstance(v, str) for v in values) else None
            )
            for name, values in zip(names, columns, strict=True)
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = step.transform(frame)
        except (ValueError, TypeError):
            return None
    made = made.toarray() if hasattr(made, "toarray") else np.asarray(made)
    return np.asarray(made, dtype=np.float64)


def _each(step: Any, keys: list[list[Any]], odd: list[list[Any]]) -> list[np.ndarray | None]:
    """Return the encoder's row where one column is odd, for each column; None where it raises."""
    # Columns of texts stay columns of texts though the one value asked about is NaN: the second
    # row holds a category.
    both = _asked(step, [[*strange, each[0]] for strange, each in zip(odd, keys, strict=True)])
    if both is not None:
        return [both] * len(keys)
    found = []
    for place in range(len(keys)):
        columns = [
            [*(odd[other] if other == place else each[:1]), each[0]]
            for other, each in enumerate(keys)
        ]
        found.append(_asked(step, columns))
    return found


def _widths(step: Any, keys: list[list[Any]], known: np.ndarray) -> list[int]:
    if type(step).__name__ == "OneHotEncoder":
        widths = [int(width) for width in step._n_features_outs]
    else:
        widths = [1] * len(keys)
    if sum(widths) != known.shape[1]:
        raise Unknown("how many numbers it makes")
    return widths


def _table(
    slot: Raw | Number | Table,
    keys: list[Any],
    rows: np.ndarray,
    missing: np.ndarray | None,
    unseen: np.ndarray | None,
) -> Table:
    fill: Any = None
    match slot:
        case Raw():
            fill = slot.fill
        case Number(ops=()):
            pass
        case Number(ops=(("fill", value),)):
            fill = value
        case _:
            raise Unknown("an encoder after arithmetic")
    if fill is not None:
        missing = rows[keys.index(fill)] if fill in keys else unseen
    return Table(column=slot.column, keys=tuple(keys), rows=rows, missing=missing, unseen=unseen)


_PREPROCESSING, _SELECTION = "sklearn.preprocessing", "sklearn.feature_selection"
_STEPS: dict[str, tuple[str, Callable[[Any, Slots], Slots]]] = {
    "Pipeline": ("sklearn.pipeline", _pipeline),
    "FeatureUnion": ("sklearn.pipeline", _union),
    "ColumnTransformer": ("sklearn.compose", _column_transformer),
    "FunctionTransformer": (_PREPROCESSING, _function),
    "StandardScaler": (_PREPROCESSING, _standard),
    "RobustScaler": (_PREPROCESSING, _robust),
    "MinMaxScaler": (_PREPROCESSING, _min_max),
    "MaxAbsScaler": (_PREPROCESSING, _max_abs),
    "OneHotEncoder": (_PREPROCESSING, _encoder),
    "OrdinalEncoder": (_PREPROCESSING, _encoder),
    "TargetEncoder": (_PREPROCESSING, _encoder),
    "SimpleImputer": ("sklearn.impute", _imputer),
    "VarianceThreshold": (_SELECTION, _selected),
    "SelectKBest": (_SELECTION, _selected),
    "SelectPercentile": (_SELECTION, _selected),
    "SelectFromModel": (_SELECTION, _selected),
}
