"""How do labels and overrides come back to the predictions that they are about?

`POST /v1/models/MODEL:feedback` and `POST /v2/models/MODEL/feedback`, with the same body:
`{"labels": [{"id", "label"[, "at"]}], "overrides": [{"id", "value", "by", "reason"[, "at"]}]}`.
All of it is taken, synced to the disk, or none. Values are checked against what the model predicts;
ids are not looked up, since a prediction may still be on its way to the log.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from tenure.predictions.feedback import LABEL, OVERRIDE, FeedbackFull, FeedbackSpool, Said
from tenure.serving import answers, v1
from tenure.serving.access import Access
from tenure.serving.bodies import CLOSE, read_body
from tenure.serving.core import Core
from tenure.serving.doors import Answer, Request, only
from tenure.serving.keys import Role
from tenure.serving.metrics import Metrics
from tenure.serving.problems import Problem, pointer, retry_after, shown
from tenure.serving.runtime import Runtime

_ADDRESS = re.compile(
    r"/(?:v1/models/([a-z][a-z0-9-]{0,47}):feedback|v2/models/([a-z][a-z0-9-]{0,47})/feedback)",
    re.ASCII,
)
_TEXT = 128
_REASON = 1_000
_LABEL_KEYS = frozenset({"id", "label", "at"})
_OVERRIDE_KEYS = frozenset({"id", "value", "by", "reason", "at"})


class FeedbackDoor:
    """The door for feedback.

    Args:
        core: what the doors share.
        spool: takes what is said.
        access: says who may say something.
        metrics: counts it.
    """

    name = "feedback"

    def __init__(self, core: Core, spool: FeedbackSpool, access: Access, metrics: Metrics) -> None:
        self._core, self._spool, self._access, self._metrics = core, spool, access, metrics

    async def answer(self, request: Request) -> Answer | None:
        """Return the answer, or None where the address is not for feedback."""
        if not request.path.endswith("feedback"):
            return None
        matched = _ADDRESS.fullmatch(request.path)
        if matched is None:
            return None
        only(request.method, "POST")
        model = matched[1] or matched[2]
        caller = self._access.check(request.headers, model, Role.FEEDBACK, client=request.client)
        _check_media(request.headers)
        reference = await self._core.find(model, None, is_prediction=False)
        body = await read_body(request.headers, request.receive, self._core.limits)
        said = read_said(body, reference.runtime, self._core.limits.rows)
        try:
            await asyncio.wrap_future(self._spool.put(model, said, key=caller.key))
        except (FeedbackFull, OSError):
            detail = "It cannot be kept now; nothing of it was taken."
            raise Problem(503, "not-kept", detail, headers=[retry_after(2)]) from None
        taken = {kind: sum(each.kind == kind for each in said) for kind in (LABEL, OVERRIDE)}
        for kind, count in taken.items():
            if count:
                self._metrics.count("feedback", count, model=model, kind=kind)
        found = {"model": model, "labels": taken[LABEL], "overrides": taken[OVERRIDE]}
        return 202, [answers.JSON], orjson.dumps(found | {"ids": "not looked up"})

    def refuse(self, problem: Problem) -> Answer:
        """Return a problem as problem details."""
        return v1.refuse(problem)


def read_said(body: bytes, runtime: Runtime, most: int) -> list[Said]:
    """Return what a body says.

    Raises:
        Problem: 422 that names the field, what was found (never the value), and what is wanted.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        detail = f"The body is no JSON in UTF-8 (RFC 8259): {error.msg}."
        raise Problem(422, "not-json", detail, position=error.pos) from None
    if not isinstance(found, dict) or not found or not found.keys() <= {"labels", "overrides"}:
        detail = 'The body must be an object {"labels": [...], "overrides": [...]}.'
        raise Problem(422, "wrong-body", detail)
    said = []
    for name, read in (("labels", _label), ("overrides", _override)):
        items = found.get(name, [])
        if not isinstance(items, list):
            raise _wrong(pointer(name), f"'{name}'", "an array")
        if len(items) > most:
            detail = f"There are {len(items)} {name}; one request may hold {most}."
            raise Problem(422, "too-many", detail, field=pointer(name), wanted=most)
        said += [read(item, pointer(name, place), runtime) for place, item in enumerate(items)]
    if not said:
        raise Problem(422, "nothing-said", "There is no label and no override.")
    return said


def _check_media(headers: Mapping[bytes, bytes]) -> None:
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if kind != b"application/json" or encoding != b"identity":
        detail = "The body must be application/json, not compressed."
        raise Problem(415, "wrong-media-type", detail, headers=[CLOSE], wanted="application/json")


def _label(item: Any, field: str, runtime: Runtime) -> Said:
    _check_keys(item, field, _LABEL_KEYS, ("id", "label"))
    return Said(
        kind=LABEL,
        id=_text(item["id"], f"{field}/id", _TEXT),
        value=_value(item["label"], f"{field}/label", runtime),
        at=_moment(item, field),
    )


def _override(item: Any, field: str, runtime: Runtime) -> Said:
    _check_keys(item, field, _OVERRIDE_KEYS, ("id", "value", "by", "reason"))
    return Said(
        kind=OVERRIDE,
        id=_text(item["id"], f"{field}/id", _TEXT),
        value=_value(item["value"], f"{field}/value", runtime),
        at=_moment(item, field),
        by=_text(item["by"], f"{field}/by", _TEXT),
        reason=_text(item["reason"], f"{field}/reason", _REASON),
    )


def _check_keys(item: Any, field: str, known: frozenset[str], needed: tuple[str, ...]) -> None:
    if not isinstance(item, dict):
        raise _wrong(field, f"{field}", f"an object with {', '.join(needed)}")
    missing = [name for name in needed if name not in item]
    if missing:
        detail = f"{field} lacks {', '.join(missing)}."
        raise Problem(422, "missing-key", detail, field=field, missing=missing)
    extra = sorted(shown(name, 60) for name in item if name not in known)
    if extra:
        detail = f"{field} has {', '.join(extra[:5])}, which is unknown."
        raise Problem(422, "unknown-key", detail, field=field, wanted=sorted(known))


def _text(value: Any, field: str, longest: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise _wrong(field, field, f"a text of 1 to {longest} characters")
    return value


def _value(value: Any, field: str, runtime: Runtime) -> Any:
    if not runtime.classes:
        if type(value) not in (int, float):
            raise _wrong(field, field, "a number")
        return float(value)
    for label in runtime.classes:
        if type(value) is type(label) and value == label:
            return value
    kinds = {type(label): _KINDS.get(type(label), "a label") for label in runtime.classes}
    is_of_kind = type(value) in kinds
    wanted = "one of the model's classes" if is_of_kind else " or ".join(sorted(kinds.values()))
    raise _wrong(field, field, wanted)


_KINDS: Mapping[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


def _moment(item: dict[str, Any], field: str) -> str | None:
    value = item.get("at")
    if value is None:
        return None
    wanted = "a time in ISO 8601 with a zone"
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise _wrong(f"{field}/at", f"{field}/at", wanted) from None
    if found.tzinfo is None:
        raise _wrong(f"{field}/at", f"{field}/at", wanted)
    return value


def _wrong(field: str, what: str, wanted: str) -> Problem:
    return Problem(422, "wrong-type", f"{what}: wanted {wanted}.", field=field, wanted=wanted)
