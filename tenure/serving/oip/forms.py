"""How is a request read whose very form was read before?

A program that asks one row after another sends the same text again and again, with other values
in it. Once a text was read the ordinary way, what was no value in it becomes a pattern; the next
one that matches holds nothing else than values, which are read at a quarter of the cost. What
matches no pattern, or holds a value that its column does not take, is read the ordinary way. Both
ways give the same values.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from tenure.serving.oip.straight import Read, same

_LONGEST = 8 * 1024
_MOST_FORMS = 8
_MOST_HOLES = 200
_BEFORE_ONE = 3
_EVERY_S = 1.0

# With these a text has no escapes, so that a quote is always a quote, and one byte a character.
_PLAIN = re.compile(rb"[\x20!#-\[\]-~\t\r\n\"]*+")
_TOKEN = re.compile(
    rb'[ \t\r\n]*+("[^"]*+"|-?[0-9][0-9.eE+-]*+|true|false|null|[\[\]{},:])[ \t\r\n]*+'
)
_NUMBER = rb"(null|-?[0-9]++(?:\.[0-9]++)?+(?:[eE][-+]?[0-9]{1,3}+)?+)"
_TEXT = rb'(null|"[\x20!#-\[\]-~]*+")'
_TRUTH = rb"(null|true|false)"
_PATTERNS = {str: _TEXT, float: _NUMBER, int: _NUMBER, bool: _TRUTH}

Reads = Mapping[type, Read]
Path = tuple[Any, ...]


@dataclass(slots=True, eq=False)
class Form:
    """The pattern of a request, and whose values stand in it.

    Attributes:
        match: takes a body.
        names: of the columns, in the order of their values.
        reads: how a value of a type becomes its column's.
        types: of values that are their columns' as they stand.
        id_at: which value is the request's id, below 0 for none.
        outputs: what such a request wants.
    """

    match: Callable[[bytes], re.Match[bytes] | None]
    names: tuple[str, ...]
    reads: tuple[Reads, ...]
    types: tuple[type, ...]
    id_at: int
    outputs: dict[str, bool]
    used: int = 0

    def read(self, body: bytes) -> tuple[dict[str, tuple[Any]], str] | None:
        """Return the columns and the id, empty for none; None where a body is of another form."""
        matched = self.match(body)
        if matched is None:
            return None
        try:
            # The parser knows which of the numbers that the pattern lets through are JSON's.
            values = orjson.loads(b"[%b]" % b",".join(matched.groups()))
            request_id = "" if self.id_at < 0 else values.pop(self.id_at)
            if tuple(map(type, values)) != self.types:
                pairs = zip(self.reads, values, strict=True)
                values = [reads[type(value)](value) for reads, value in pairs]
        except (ValueError, KeyError, OverflowError):
            return None
        self.used += 1
        # Each name with a tuple of its one value.
        return dict(zip(self.names, zip(values, strict=True), strict=True)), request_id


class Forms:
    """The forms of the requests for one version.

    Args:
        reads: for each column and datatype, how a JSON value of an exact type is read.
        columns: the columns, in the order in which a matrix holds them.
    """

    def __init__(self, reads: Mapping[tuple[str, str], Reads], columns: Sequence[str]) -> None:
        self._reads, self._columns = reads, tuple(columns)
        self._forms: list[Form] = []
        self._unknown = 0
        self._next_at = 0.0

    def find(self, body: bytes) -> tuple[dict[str, tuple[Any]], str, dict[str, bool]] | None:
        """Return columns, id and wanted outputs of a body whose form is known, else None."""
        for form in self._forms:
            found = form.read(body)
            if found is not None:
                return *found, form.outputs
        return None

    def learn(
        self,
        body: bytes,
        request: Mapping[str, Any],
        columns: Mapping[str, Sequence[Any]],
        outputs: dict[str, bool],
    ) -> None:
        """Remember the form of a body that was read the ordinary way, if it comes often.

        Making a pattern costs a millisecond: who sends new forms on purpose makes few.

        Args:
            body: one row as JSON, and nothing behind it.
            request: what it is.
            columns: what was read from it.
            outputs: what it wants.
        """
        self._unknown += 1
        if self._unknown < _BEFORE_ONE or len(body) > _LONGEST:
            return
        now = time.monotonic()
        if now < self._next_at:
            return
        self._unknown, self._next_at = 0, now + _EVERY_S
        form = self._made(body, request, outputs)
        found = None if form is None else form.read(body)
        if form is None or found is None or not _is_same(found[0], columns):
            return
        if len(self._forms) >= _MOST_FORMS:
            self._forms.sort(key=lambda each: -each.used)
            self._forms.pop()
            for each in self._forms:
                each.used //= 2
        self._forms.append(form)

    def _made(
        self, body: bytes, request: Mapping[str, Any], outputs: dict[str, bool]
    ) -> Form | None:
        columns = self._columns_of(request)
        spans = _spans(body) if columns is not None else None
        if columns is None or spans is None or len(columns) > _MOST_HOLES:
            return None
        id_at = -1
        pattern: list[bytes] = []
        places: list[Path] = []
        at = 0
        for path, (start, end) in spans:
            if path == ("id",):
                id_at, hole = len(places), _TEXT
                places.append(path)
            elif path[:1] == ("inputs",) and len(path) > 2 and path[2] == "data":
                hole = _hole(body[start:end], columns, len(places) - (id_at >= 0))
                places.append(path)
            else:
                continue
            if hole is None:
                return None
            pattern += [re.escape(body[at:start]), hole]
            at = end
        names = [name for name, _ in columns]
        has_id = id_at >= 0
        if len(places) != len(names) + has_id or has_id != ("id" in request):
            return None
        reads = tuple(self._reads[column] for column in columns)
        return Form(
            match=re.compile(b"".join([*pattern, re.escape(body[at:])])).fullmatch,
            names=tuple(names),
            reads=reads,
            types=tuple(_common(each) for each in reads),
            id_at=id_at,
            outputs=outputs,
        )

    def _columns_of(self, request: Mapping[str, Any]) -> list[tuple[str, str]] | None:
        """Return column and datatype of each value in their order, None where that is not plain."""
        inputs = request["inputs"]
        if "id" in request and not (isinstance(request["id"], str) and request["id"]):
            return None
        if any(each.get("parameters") not in _PLAIN_PARAMETERS for each in inputs):
            return None
        if any(not each.keys() <= _KEYS for each in inputs):
            return None
        found = [(each["name"], each["datatype"]) for each in inputs]
        columns = self._columns
        is_matrix = len(inputs) == 1 and inputs[0]["shape"] == [1, len(columns)]
        if is_matrix and (len(columns) > 1 or (found[0][0],) != columns):
            found = [(name, inputs[0]["datatype"]) for name in columns]
        return found if all(column in self._reads for column in found) else None


_KEYS = frozenset({"name", "shape", "datatype", "data", "parameters"})
_PLAIN_PARAMETERS = (None, {"content_type": "str"})


def _common(reads: Reads) -> type:
    """Return the type of a value that is its column's as it stands; NoneType if only null is."""
    return next((kind for kind in (float, bool, str) if reads.get(kind) is same), type(None))


def _is_same(found: Mapping[str, Sequence[Any]], wanted: Mapping[str, Sequence[Any]]) -> bool:
    return found.keys() == wanted.keys() and all(
        len(wanted[name]) == 1 and wanted[name][0] == value for name, (value,) in found.items()
    )


def _hole(token: bytes, columns: Sequence[tuple[str, str]], place: int) -> bytes | None:
    if token[:1] == b'"':
        return _TEXT
    if token in (b"true", b"false"):
        return _TRUTH
    return None if token == b"null" or place >= len(columns) else _NUMBER


def _spans(body: bytes) -> list[tuple[Path, tuple[int, int]]] | None:
    """Return where the scalars of a JSON text stand, each by its path; None if that is not plain.

    Two of the same path, or a key with an escape in it, are not plain.
    """
    if _PLAIN.fullmatch(body) is None:
        return None
    try:
        found = list(_scalars(body))
    except (ValueError, IndexError):
        return None
    return found if len({path for path, _ in found}) == len(found) else None


def _scalars(body: bytes) -> Iterator[tuple[Path, tuple[int, int]]]:
    # The text is known to be JSON: this only keeps count of where in it a token stands.
    path: list[Any] = []
    at, is_key = 0, False
    while at < len(body):
        matched = _TOKEN.match(body, at)
        if matched is None:
            raise ValueError
        token, at = matched[1], matched.end()
        match token:
            case b"{":
                path.append("")
                is_key = True
            case b"[":
                path.append(0)
            case b"}" | b"]":
                path.pop()
                is_key = False
            case b":":
                is_key = False
            case b",":
                last = path[-1]
                is_key = not isinstance(last, int)
                if isinstance(last, int):
                    path[-1] = last + 1
            case _ if is_key:
                path[-1] = token[1:-1].decode()
            case _:
                yield tuple(path), matched.span(1)
