"""Which number is it that makes a body unreadable as JSON?

A NaN, an Infinity or a number of 5,000 digits is refused by the parser, which knows only how many
characters came before it; whoever sent it wants the field. So a body that was refused, and is not
long, is read once more by a parser that takes such numbers, for the sake of the message alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LONGEST = 128 * 1024
"""Bodies beyond this many bytes are not read twice: a refusal is to stay cheap."""

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Odd:
    says: str


_NO_JSON = _Odd("NaN or Infinity, which JSON does not have")
_BEYOND = _Odd("a number beyond what 64 bits hold")


@dataclass(frozen=True, slots=True, kw_only=True)
class OddNumber:
    """The first number of a body that nothing may read.

    Attributes:
        path: keys and places that lead to it from the body's root.
        says: what kind of number it is, never the number.
        document: the body without its numbers, to tell names in it.
    """

    path: Path
    says: str
    document: Any


def odd_number(body: bytes | memoryview) -> OddNumber | None:
    """Return the first such number, None where the body is unreadable for another reason."""
    if len(body) > LONGEST:
        return None
    try:
        document = json.loads(
            bytes(body).decode(),
            parse_constant=lambda _: _NO_JSON,
            parse_int=_number,
            parse_float=_number,
        )
    except (ValueError, RecursionError):
        return None
    for path, odd in _odd_ones(document):
        return OddNumber(path=path, says=odd.says, document=document)
    return None


def _number(text: str) -> _Odd | int:
    return _BEYOND if math.isinf(float(text)) else 0


def _odd_ones(document: Any) -> Iterator[tuple[Path, _Odd]]:
    # With a stack of its own: nesting that the parser took must not be too deep for this.
    waiting: list[tuple[Path, Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, _Odd):
            yield path, value
            continue
        inside = value.items() if isinstance(value, dict) else enumerate(value or ())
        waiting += [
            ((*path, key), each)
            for key, each in reversed(list(inside))
            if isinstance(each, (list, dict, _Odd))
        ]
