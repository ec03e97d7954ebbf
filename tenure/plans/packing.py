"""How does a plan lie in the store, and what is refused when it is read back?

One line of canonical JSON, then treelite's bytes, compressed. Equal plans are equal bytes. Nothing
in them is code. A plan that is damaged or of another format is `Unreadable`, never a wrong one.
"""

from __future__ import annotations

import hashlib
import zlib
from importlib.metadata import version
from typing import Any

import numpy as np
import orjson

from tenure.plans.agreement import Unreadable
from tenure.plans.plan import Plan
from tenure.plans.shapes import Head, Linear, Number, Shape, Slot, Table, Trees

FORMAT = 1
_MARK = b"tenure-plan\n"
_MOST_UNPACKED = 256 << 20


def pack(plan: Plan) -> bytes:
    """Return a plan's bytes."""
    shape = plan.shape
    trees = b""
    if isinstance(shape.scores, Trees):
        trees = zlib.compress(shape.scores.model, 1)
    head = {
        "format": FORMAT,
        "columns": [list(column) for column in shape.columns],
        "classes": list(shape.classes),
        "slots": [_slot_out(slot) for slot in shape.slots],
        "scores": _scores_out(shape.scores),
        "head": {"link": shape.head.link, "label": shape.head.label, "scale": shape.head.scale},
        "trees": hashlib.sha256(trees).hexdigest(),
    }
    return _MARK + orjson.dumps(head, option=orjson.OPT_SORT_KEYS) + b"\n" + trees


def unpack(content: bytes) -> Plan:
    """Return a plan from its bytes.

    Raises:
        Unreadable: they are no plan of this format, damaged, or treelite's release is another.
    """
    if not content.startswith(_MARK):
        raise Unreadable("it is no plan")
    text, _, trees = content[len(_MARK) :].partition(b"\n")
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Unreadable("its text is damaged") from None
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        got = said.get("format") if isinstance(said, dict) else None
        raise Unreadable(f"it has format {got}, not {FORMAT}")
    if said.get("trees") != hashlib.sha256(trees).hexdigest():
        raise Unreadable("its trees are damaged")
    try:
        return Plan(_shape_in(said, trees))
    except (KeyError, TypeError, ValueError, IndexError, zlib.error) as error:
        raise Unreadable(f"its text is damaged ({type(error).__name__})") from None


def _slot_out(slot: Slot) -> dict[str, Any]:
    if isinstance(slot, Number):
        return {"column": slot.column, "ops": [list(op) for op in slot.ops]}
    return {
        "column": slot.column,
        "keys": list(slot.keys),
        "rows": _array_out(slot.rows),
        "missing": None if slot.missing is None else _array_out(slot.missing),
        "unseen": None if slot.unseen is None else _array_out(slot.unseen),
    }


def _array_out(values: np.ndarray) -> list[Any]:
    # orjson writes the shortest text that reads back as the same float, and NaN as null.
    return values.tolist()


def _scores_out(scores: Linear | Trees) -> dict[str, Any]:
    if isinstance(scores, Linear):
        return {"weights": _array_out(scores.weights), "intercept": _array_out(scores.intercept)}
    return {
        "float32": scores.float32,
        "takes_missing": scores.takes_missing,
        "release": scores.release,
    }


def _shape_in(said: dict[str, Any], trees: bytes) -> Shape:
    scores, head = said["scores"], said["head"]
    return Shape(
        columns=tuple((name, kind, tuple(labels)) for name, kind, labels in said["columns"]),
        classes=tuple(said["classes"]),
        slots=tuple(_slot_in(slot) for slot in said["slots"]),
        scores=_linear_in(scores) if "weights" in scores else _trees_in(scores, trees),
        head=Head(link=head["link"], label=head["label"], scale=head["scale"]),
    )


def _slot_in(said: dict[str, Any]) -> Slot:
    if "ops" in said:
        return Number(column=said["column"], ops=tuple(tuple(op) for op in said["ops"]))
    keys = tuple(said["keys"])
    rows = np.array(said["rows"], dtype=np.float64).reshape(len(keys), -1)
    missing, unseen = (
        None if said[name] is None else np.array(said[name], dtype=np.float64)
        for name in ("missing", "unseen")
    )
    return Table(column=said["column"], keys=keys, rows=rows, missing=missing, unseen=unseen)


def _linear_in(scores: dict[str, Any]) -> Linear:
    intercept = np.array(scores["intercept"], dtype=np.float64)
    weights = np.array(scores["weights"], dtype=np.float64).reshape(-1, len(intercept))
    return Linear(weights=weights, intercept=intercept)


def _trees_in(scores: dict[str, Any], trees: bytes) -> Trees:
    if scores["release"] != version("treelite"):
        detail = f"treelite {scores['release']} wrote it; here is {version('treelite')}"
        raise Unreadable(detail)
    unpacking = zlib.decompressobj()
    model = unpacking.decompress(trees, _MOST_UNPACKED)
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise Unreadable("its trees are damaged or too large")
    return Trees(
        model=model,
        float32=scores["float32"],
        takes_missing=scores["takes_missing"],
        release=scores["release"],
    )
