"""How is said what became of predictions, and what else can a server be asked?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson

from tenure.client.calls import JSON, Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What a person decided in place of a prediction.

    Attributes:
        id: the prediction's.
        value: what was decided.
        by: who decided.
        reason: why.
        at: when; aware.
    """

    id: str
    value: Any
    by: str
    reason: str
    at: datetime | None = None


def feedback(
    model: str, labels: Mapping[str, Any] | None, overrides: Iterable[Override]
) -> Call[dict[str, Any]]:
    """Return the call that brings labels (by prediction id) and overrides."""
    said: dict[str, Any] = {}
    if labels:
        said["labels"] = [{"id": each, "label": value} for each, value in labels.items()]
    changed = [
        {"id": each.id, "value": each.value, "by": each.by, "reason": each.reason}
        | ({} if each.at is None else {"at": each.at.isoformat()})
        for each in overrides
    ]
    if changed:
        said["overrides"] = changed
    return Call(
        method="POST",
        path=f"/v1/models/{quote(model, safe='')}:feedback",
        body=orjson.dumps(said, option=orjson.OPT_SERIALIZE_NUMPY),
        headers=JSON,
        read=lambda answer: answer.json(),
    )


def models() -> Call[list[dict[str, Any]]]:
    """Return the call that asks what serves."""
    return Call(method="GET", path="/v1/models", read=lambda answer: answer.json()["models"])
