"""How is a prediction said in the V1 protocol, and what do the other routes say?"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from tenure.serving.asks import Ask
from tenure.serving.problems import Headers
from tenure.serving.router import Reference, Standing
from tenure.serving.runtime import Predicted

JSON: tuple[bytes, bytes] = (b"content-type", b"application/json")
_DUMP = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z


def predictions(ask: Ask, found: Predicted, reference: Reference, flags: Any = None) -> bytes:
    """Return the answer to a V1 request.

    `probabilities` are a list a row in the order of `classes`; `not_finite` names the rows in which
    a null stands for a number that overflowed; `flags` say what guards found.
    """
    answer: dict[str, Any] = {"predictions": found.values}
    if ask.probabilities and found.probabilities is not None:
        answer["probabilities"] = found.probabilities
        answer["classes"] = reference.runtime.classes
    if found.not_finite:
        answer["not_finite"] = found.not_finite
    if flags is not None:
        answer["flags"] = flags.said()
    answer |= {
        "model": reference.model,
        "version": reference.version,
        "epoch": reference.epoch,
        "slot": reference.slot.value,
        "ids": ask.ids,
    }
    return orjson.dumps(answer, option=_DUMP)


def version_headers(reference: Reference) -> Headers:
    """Return the headers that name what answered."""
    return list(_named(reference.model, reference.version, reference.epoch))


@lru_cache(maxsize=1024)
def _named(model: str, version: int, epoch: int) -> Headers:
    return [
        (b"tenure-model", model.encode()),
        (b"tenure-version", str(version).encode()),
        (b"tenure-epoch", str(epoch).encode()),
    ]


def model(reference: Reference, end: dict[str, Any]) -> bytes:
    """Return what is known of a model that serves; `end` says whether its version is to go.

    `plan` says what answers; `agreement` how far a plan was measured to agree with scikit-learn at
    registration, null where scikit-learn answers itself.
    """
    runtime = reference.runtime
    features = [{"name": each.name, "type": each.type} for each in runtime.asked]
    return orjson.dumps(
        {
            **_short(reference),
            "since": reference.since,
            "task": runtime.task,
            "classes": runtime.classes,
            "probabilities": runtime.has_probabilities,
            "features": features,
            "plan": runtime.plan_kind,
            "agreement": runtime.agreement,
            **end,
        },
        option=_DUMP,
    )


def models(standing: Standing) -> bytes:
    """Return what serves, which models have nothing that serves, and whose slot is left vacant."""
    serving = [_short(each) for _, each in sorted(standing.serving.items())]
    without = sorted(standing.named - standing.serving.keys())
    vacant = [
        {"model": name, "epoch": each.epoch, "since": each.since, "reason": each.reason}
        for name, each in sorted(standing.vacant.items())
    ]
    found = {"models": serving, "without_champion": without, "vacant": vacant}
    return orjson.dumps(found, option=_DUMP)


def version_address(model: str, version: int) -> str:
    """Return where one version of a model is asked."""
    return f"/v1/models/{model}/versions/{version}:predict"


def readiness(standing: Standing, *, is_draining: bool, log: dict[str, Any]) -> tuple[int, bytes]:
    """Return status and body of the readiness probe: 200 once every champion is in memory.

    A server that serves all models, but not everything as the ledger wants it, is ready and
    `degraded`, and says why.
    """
    reasons = standing.reasons()
    if log["trouble"] is not None:
        reasons.append(f"The prediction log cannot be written: {log['trouble']}.")
    if is_draining:
        reasons.append("The server is stopping.")
    is_ready = standing.is_ready and not is_draining
    state = "not ready" if not is_ready else "degraded" if reasons else "ready"
    serving = {name: _short(each) for name, each in sorted(standing.serving.items())}
    body = {"status": state, "serving": serving, "reasons": reasons, "log": log}
    return (200 if is_ready else 503), orjson.dumps(body)


def _short(reference: Reference) -> dict[str, Any]:
    return {
        "model": reference.model,
        "version": reference.version,
        "epoch": reference.epoch,
        "slot": reference.slot.value,
    }
