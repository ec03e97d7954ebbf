"""What does the protocol say of the server, of a model, and of all models there are?"""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version as release_of
from typing import Any

from tenure.serving.oip.datatypes import datatype_of, datatype_of_labels
from tenure.serving.runtime import Runtime
from tenure.serving.standing import Reference, Standing
from tenure.serving.sunset import told

EXTENSIONS = ("binary_tensor_data", "model_repository")
PLATFORM = "sklearn"
PREDICT, PROBABILITIES = "predict", "predict_proba"


def of_server() -> dict[str, Any]:
    """Return the server's metadata."""
    return {"name": "tenure", "version": release_of("tenure"), "extensions": list(EXTENSIONS)}


def of_model(reference: Reference, standing: Standing) -> dict[str, Any]:
    """Return a model's metadata: its columns as inputs, its answers as outputs.

    `versions` are those that can be asked now, whatever their slot.
    """
    runtime = reference.runtime
    return {
        "name": reference.model,
        "versions": [str(number) for number in versions_of(reference.model, standing)],
        "platform": PLATFORM,
        "inputs": inputs_of(runtime),
        "outputs": outputs_of(runtime),
        "parameters": {
            "epoch": reference.epoch,
            "slot": reference.slot.value,
            "plan": runtime.plan_kind,
            **_agreement(runtime),
            **told(standing, reference.model, reference.version),
        },
    }


def _agreement(runtime: Runtime) -> dict[str, Any]:
    # How far the plan that answers was measured to agree with scikit-learn; nothing where
    # scikit-learn answers itself.
    found = runtime.agreement
    return {} if found is None else {"agreement": asdict(found)}


def versions_of(model: str, standing: Standing) -> list[int]:
    """Return the versions of a model that can be asked by number."""
    return sorted({each.version for each in standing.holders(model)})


def inputs_of(runtime: Runtime) -> list[dict[str, Any]]:
    """Return the tensors that a version takes, one a column."""
    return [
        {"name": column.name, "datatype": datatype_of(column), "shape": [-1]}
        for column in runtime.asked
    ]


def outputs_of(runtime: Runtime) -> list[dict[str, Any]]:
    """Return the tensors that a version answers; the classes name the columns of its shares."""
    datatype = datatype_of_labels(runtime.classes)
    outputs: list[dict[str, Any]] = [{"name": PREDICT, "datatype": datatype, "shape": [-1]}]
    if runtime.has_probabilities:
        classes = list(runtime.classes)
        shape = [-1, len(classes)]
        shares = {"name": PROBABILITIES, "datatype": "FP64", "shape": shape}
        outputs.append({**shares, "parameters": {"classes": classes}})
    return outputs


def index(standing: Standing, *, only_ready: bool) -> list[dict[str, Any]]:
    """Return every model with what serves of it, and why something does not."""
    found = [
        {"name": name, "version": str(number), "state": "READY", "reason": ""}
        for name in sorted(standing.serving)
        for number in versions_of(name, standing)
    ]
    if only_ready:
        return found
    for name, obstacle in sorted(standing.obstacles.items()):
        found.append(_unavailable(name, str(obstacle.version), obstacle.reason))
    told = standing.serving.keys() | standing.obstacles.keys()
    for name in sorted(standing.named - told):
        vacant = standing.vacant.get(name)
        reason = vacant.reason if vacant is not None else "It has no champion."
        found.append(_unavailable(name, "", reason))
    return found


def _unavailable(name: str, version: str, reason: str) -> dict[str, Any]:
    return {"name": name, "version": version, "state": "UNAVAILABLE", "reason": reason}
