"""How are answers and metadata said as messages of the protocol?"""

from __future__ import annotations

from typing import Any

import orjson

from tenure.serving.core import Outcome
from tenure.serving.grpc.messages import (
    ModelInferResponse,
    ModelMetadataResponse,
    RepositoryIndexResponse,
    ServerMetadataResponse,
)
from tenure.serving.oip.answering import as_raw, flat, texts
from tenure.serving.oip.asking import Wanted
from tenure.serving.oip.datatypes import datatype_of_labels
from tenure.serving.oip.metadata import PREDICT
from tenure.serving.problems import Headers

_FIELDS = {"FP64": "fp64_contents", "INT64": "int64_contents", "BOOL": "bool_contents"}


def infer_response(outcome: Outcome, wanted: Wanted, end: Headers) -> Any:
    """Return an answer: typed, or raw where the request was raw.

    `end` are HTTP's headers of a version on its way out; here they are parameters.
    """
    reference, found = outcome.reference, outcome.found
    runtime = reference.runtime
    answer = ModelInferResponse(
        model_name=reference.model, model_version=str(reference.version), id=wanted.request_id
    )
    plan = runtime.plan_kind
    told: dict[str, Any] = {
        "epoch": reference.epoch,
        "slot": reference.slot.value,
        "plan": plan,
    }
    if found.not_finite:
        told["not_finite"] = len(found.not_finite)
    if outcome.flags is not None:
        told["flags"] = outcome.flags.said()
    _fill(answer.parameters, told | {name.decode(): value.decode() for name, value in end})
    for name, is_raw in wanted.outputs.items():
        if name == PREDICT:
            datatype, values = datatype_of_labels(runtime.classes), found.values
            shape = [outcome.ask.rows]
        elif found.probabilities is None:
            continue  # another version answered in its place, which has none
        else:
            datatype, values = "FP64", flat(found.probabilities)
            shape = [outcome.ask.rows, len(runtime.classes)]
        output = answer.outputs.add(name=name, datatype=datatype, shape=shape)
        if is_raw:
            answer.raw_output_contents.append(as_raw(values, datatype))
        else:
            _contents(output.contents, values, datatype)
    return answer


def _contents(contents: Any, values: Any, datatype: str) -> None:
    if datatype == "BYTES":
        contents.bytes_contents.extend(text.encode() for text in texts(values))
        return
    if datatype == "FP64":
        values = [float("nan") if value is None else value for value in values]
    getattr(contents, _FIELDS[datatype]).extend(values)


def server_metadata(said: dict[str, Any]) -> Any:
    """Return the server's metadata."""
    return ServerMetadataResponse(**said)


def model_metadata(said: dict[str, Any]) -> Any:
    """Return a model's metadata."""
    answer = ModelMetadataResponse(
        name=said["name"], versions=said["versions"], platform=said["platform"]
    )
    for kind in ("inputs", "outputs"):
        for each in said[kind]:
            tensor = getattr(answer, kind).add(
                name=each["name"], datatype=each["datatype"], shape=each["shape"]
            )
            _fill(tensor.parameters, each.get("parameters", {}))
    _fill(answer.parameters, said["parameters"])
    return answer


def repository_index(said: list[dict[str, str]]) -> Any:
    """Return the repository's index."""
    answer = RepositoryIndexResponse()
    for each in said:
        answer.models.add(**each)
    return answer


def _fill(parameters: Any, told: dict[str, Any]) -> None:
    for name, value in told.items():
        match value:
            case bool():
                parameters[name].bool_param = value
            case int():
                parameters[name].int64_param = value
            case str():
                parameters[name].string_param = value
            case _:
                # A parameter is one value; what has parts is said as JSON.
                parameters[name].string_param = orjson.dumps(value).decode()
