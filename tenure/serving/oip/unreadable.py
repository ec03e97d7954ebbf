"""What does a client read whose request is no JSON?

Where a number is the reason, the tensor that holds it; else where the parser stopped.
"""

from __future__ import annotations

import orjson

from tenure.serving.limits import Limits
from tenure.serving.oip.tensors import named, refused
from tenure.serving.problems import Problem, shown
from tenure.serving.unparsed import OddNumber, odd_number

_LIMITS = Limits()


def unreadable(head: bytes | memoryview, error: orjson.JSONDecodeError) -> Problem:
    """Return the refusal of a request whose JSON could not be read.

    Args:
        head: the JSON.
        error: what the parser said.
    """
    if not len(head):
        return refused("The body is empty; wanted an object with 'inputs'.", "no-body")
    odd = odd_number(head)
    if odd is not None:
        return refused(f"{_place(odd)}.", "not-json")
    # The parser's own words tell positions and kinds, never the text itself.
    detail = f"The body is no JSON in UTF-8 (RFC 8259): {error.msg} at {error.pos}."
    return refused(detail, "not-json")


def _place(odd: OddNumber) -> str:
    match odd.path:
        case ("inputs", int() as place, str() as key, *rest):
            name = odd.document["inputs"][place].get("name")
            is_named = isinstance(name, str) and name
            what = named(name, _LIMITS) if is_named else f"inputs[{place}]"
            at = f" as element {rest[-1]} of" if rest and isinstance(rest[-1], int) else " in"
            return f"{what} has {odd.says},{at} its {shown(key, _LIMITS.name_length)}"
        case (str() as key, *_):
            return f"The request has {odd.says}, in {shown(key, _LIMITS.name_length)}"
    return f"The body has {odd.says}"
