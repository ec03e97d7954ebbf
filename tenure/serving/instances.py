"""What does a V1 request ask for, and is every value of the type that the model was trained on?

The body is `{"instances": [...]}`; an instance is an object by column name, or an array in the
order of the model's features. `ids` (one text an instance) and `probabilities` (true by default)
may stand beside it, nothing else. A number is never read from a text or a boolean, nor the other
way round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import takewhile
from typing import Any

import orjson

from tenure.records import Column
from tenure.serving.asks import Ask, fresh_ids
from tenure.serving.limits import Limits
from tenure.serving.problems import Problem, pointer, shown
from tenure.serving.unparsed import odd_number

_KEYS = frozenset({"instances", "ids", "probabilities"})
_ID_LENGTH = 128
_INT64 = 2**63
_ABSENT = object()


def read_ask(body: bytes, features: Sequence[Column], limits: Limits) -> Ask:
    """Read a V1 request's body.

    Raises:
        Problem: 422 that names the field, what was found (never the value), and what is wanted.
    """
    request = _parse(body, limits)
    if type(request) is dict and len(request) == 1:
        columns = _straight(request.get("instances"), features)
        if columns is not None:
            return Ask(columns=columns, ids=fresh_ids(1), probabilities=True)
    if not isinstance(request, dict):
        raise _wrong(None, "the body", request, 'an object {"instances": [...]}')
    for key in request:
        if key not in _KEYS:
            name = shown(key, limits.name_length)
            detail = f"The body has a key {name}, which is unknown."
            raise _refused("unknown-key", detail, None, wanted=sorted(_KEYS))
    rows = _rows(request, limits)
    probabilities = request.get("probabilities", True)
    if not isinstance(probabilities, bool):
        raise _wrong(pointer("probabilities"), "'probabilities'", probabilities, "true or false")
    return Ask(
        columns=columns_of(rows, features, limits),
        ids=_ids(request.get("ids"), len(rows)),
        probabilities=probabilities,
    )


def columns_of(
    rows: Sequence[Any], features: Sequence[Column], limits: Limits
) -> dict[str, list[Any]]:
    """Return instances by column, each value checked against its column's type.

    Raises:
        Problem: 422 that names the first instance and column that does not fit.
    """
    columns = _by_name(rows, features, limits)
    return {feature.name: _checked(columns[feature.name], feature) for feature in features}


def _straight(rows: Any, features: Sequence[Column]) -> dict[str, list[Any]] | None:
    """Return one row by column, None where it is anything else; what is wrong is found later."""
    if type(rows) is not list or len(rows) != 1 or type(rows[0]) is not dict:
        return None
    row = rows[0]
    if len(row) != len(features):
        return None
    columns = {}
    for feature in features:
        name, kinds = feature.name, _KINDS[feature.type]
        value = row.get(name, _ABSENT)
        if type(value) not in kinds.exact:
            return None
        if kinds.read is not None and value is not None:
            try:
                value = kinds.read(value)
            except ValueError:
                return None
        columns[name] = [value]
    return columns


def _parse(body: bytes, limits: Limits) -> Any:
    if not body:
        raise _refused("no-body", "The body is empty.", None, wanted='{"instances": [...]}')
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        odd = odd_number(body)
        if odd is not None:
            detail = f"The body has {odd.says}; `field` says where."
            # A client's own key may be endless: then its parent is named.
            parts = takewhile(lambda each: len(str(each)) <= limits.name_length, odd.path)
            raise _refused("not-json", detail, pointer(*parts), position=error.pos) from None
        # The parser's own words tell positions and kinds, never the text itself.
        detail = f"The body is no JSON in UTF-8 (RFC 8259): {error.msg}."
        raise _refused("not-json", detail, None, position=error.pos) from None


def _rows(request: dict[str, Any], limits: Limits) -> list[Any]:
    if "instances" not in request:
        raise _refused("missing-key", "The body lacks 'instances'.", pointer("instances"))
    rows = request["instances"]
    field = pointer("instances")
    if not isinstance(rows, list):
        raise _wrong(field, "'instances'", rows, "an array")
    if not rows:
        raise _refused("no-instances", "There is no instance to predict.", field, got=0)
    if len(rows) > limits.rows:
        detail = f"There are {len(rows)} instances; one request may hold {limits.rows}."
        raise _refused("too-many-instances", detail, field, got=len(rows), wanted=limits.rows)
    return rows


def _ids(given: Any, rows: int) -> list[str]:
    if given is None:
        return fresh_ids(rows)
    field = pointer("ids")
    if not isinstance(given, list):
        raise _wrong(field, "'ids'", given, "an array of texts")
    if len(given) != rows:
        detail = f"There are {len(given)} ids for {rows} instances."
        raise _refused("wrong-ids", detail, field, got=len(given), wanted=rows)
    for row, value in enumerate(given):
        if not isinstance(value, str) or not 0 < len(value) <= _ID_LENGTH:
            wanted = f"a text of 1 to {_ID_LENGTH} characters"
            raise _wrong(pointer("ids", row), f"id {row}", value, wanted)
    return given


def _by_name(
    rows: Sequence[Any], features: Sequence[Column], limits: Limits
) -> dict[str, Sequence[Any]]:
    names = [feature.name for feature in features]
    if isinstance(rows[0], list):
        for row, values in enumerate(rows):
            _check_array(values, row, names)
        return dict(zip(names, zip(*rows, strict=True), strict=True))
    wanted = frozenset(names)
    for row, values in enumerate(rows):
        if not isinstance(values, dict):
            raise _wrong(
                pointer("instances", row), f"Instance {row}", values, _shape(rows[0], names)
            )
        if values.keys() != wanted:
            raise _wrong_keys(values, row, names, limits)
    return {name: [values[name] for values in rows] for name in names}


def _check_array(values: Any, row: int, names: list[str]) -> None:
    field = pointer("instances", row)
    if not isinstance(values, list):
        raise _wrong(field, f"Instance {row}", values, f"an array of {len(names)} values")
    if len(values) != len(names):
        detail = f"Instance {row} has {len(values)} values; the model has {len(names)} features."
        raise _refused("wrong-length", detail, field, got=len(values), wanted=names)


def _wrong_keys(values: dict[str, Any], row: int, names: list[str], limits: Limits) -> Problem:
    missing = [name for name in names if name not in values]
    if missing:
        detail = f"Instance {row} lacks {', '.join(map(repr, missing[:5]))}."
        return _refused("missing-column", detail, pointer("instances", row), missing=missing)
    known = set(names)
    extra = sorted(shown(name, limits.name_length) for name in values if name not in known)
    detail = f"Instance {row} has {', '.join(extra[:5])}, which the model does not take."
    return _refused("unknown-column", detail, pointer("instances", row), wanted=names)


def _shape(first: Any, names: list[str]) -> str:
    if isinstance(first, dict):
        return "an object, as the first instance is"
    return f"an object by column name, or an array of {len(names)} values"


def _checked(values: Sequence[Any], column: Column) -> list[Any]:
    kinds = _KINDS[column.type]
    if not set(map(type, values)) <= kinds.exact:
        for row, value in enumerate(values):
            if type(value) not in kinds.exact and not kinds.may_be(value):
                raise _wrong_value(row, column, value, kinds)
    if kinds.read is None:
        return list(values)
    read = kinds.read
    taken = []
    for row, value in enumerate(values):
        try:
            taken.append(None if value is None else read(value))
        except ValueError:
            raise _wrong_value(row, column, value, kinds) from None
    return taken


def _wrong_value(row: int, column: Column, value: Any, kinds: _Kinds) -> Problem:
    field = pointer("instances", row, column.name)
    return _wrong(field, f"'{column.name}' of instance {row}", value, kinds.said)


def _wrong(field: str | None, what: str, value: Any, wanted: str) -> Problem:
    got = _kind_of(value)
    detail = f"{what[0].upper()}{what[1:]} is {got}; wanted {wanted}."
    return _refused("wrong-type", detail, field, got=got, wanted=wanted)


def _refused(code: str, detail: str, field: str | None, **facts: Any) -> Problem:
    return Problem(422, code, detail, field=field, **facts)


def _kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "an array"
        case _:
            return "an object"


def _integer(value: Any) -> int:
    whole = int(value)
    if whole != value or not -_INT64 <= whole < _INT64:
        raise ValueError
    return whole


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Which JSON values a column takes: their exact Python types, and how they are read."""

    said: str
    exact: frozenset[type]
    read: Callable[[Any], Any] | None = None
    may_be: Callable[[Any], bool] = lambda _: False


_NULL = type(None)
_TEXT = _Kinds("a text or null", frozenset({str, _NULL}))
_KINDS = {
    "int64": _Kinds(
        "a whole number of 64 bits or null",
        frozenset({int, _NULL}),
        _integer,
        lambda value: type(value) is float,
    ),
    "float64": _Kinds("a number or null", frozenset({float, int, _NULL}), float),
    "string": _TEXT,
    "category": _TEXT,
    "bool": _Kinds("true, false or null", frozenset({bool, _NULL})),
    "datetime": _Kinds(
        "a time in ISO 8601 or null", frozenset({str, _NULL}), datetime.fromisoformat
    ),
    "date": _Kinds("a date in ISO 8601 or null", frozenset({str, _NULL}), date.fromisoformat),
}
