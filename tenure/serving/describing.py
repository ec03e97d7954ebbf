"""What does this server's own OpenAPI document say of its V1 and V2 routes?

It is made from what is served now: beside the routes of any model, each served model has its own
`:predict` with its columns and their types.
"""

from __future__ import annotations

from importlib.metadata import version as release_of
from typing import Any

from tenure.records import Column
from tenure.serving.limits import Limits
from tenure.serving.oip.datatypes import DATATYPES, datatype_of
from tenure.serving.runtime import Runtime
from tenure.serving.standing import Standing

Json = dict[str, Any]

MOST_MODELS = 200
"""So many models have a route of their own in the document."""

_INT64 = 2**63
_VALUES: dict[str, Json] = {
    "float64": {"type": ["number", "null"]},
    "int64": {"type": ["integer", "null"], "minimum": -_INT64, "maximum": _INT64 - 1},
    "bool": {"type": ["boolean", "null"]},
    "datetime": {"type": ["string", "null"], "format": "date-time"},
    "date": {"type": ["string", "null"], "format": "date"},
}
_TEXT: Json = {"type": ["string", "null"]}
_PATH: Json = {"in": "path", "required": True}
_MODEL = {
    **_PATH,
    "name": "model",
    "schema": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,47}$"},
}
_VERSION = {
    **_PATH,
    "name": "version",
    "schema": {"type": "string", "pattern": "^[1-9][0-9]{0,8}$"},
}


def description(standing: Standing, limits: Limits) -> Json:
    """Return the OpenAPI document (3.1) of what is served now."""
    paths: Json = {**_health(), **_of_any_model(), **_feedback()}
    for name in sorted(standing.serving)[:MOST_MODELS]:
        runtime = standing.serving[name].runtime
        paths[f"/v1/models/{name}:predict"] = {"post": _predict(name, runtime, limits)}
        paths[f"/v2/models/{name}/infer"] = {"post": _infer(name, runtime)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tenure's prediction server",
            "version": release_of("tenure"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def example_of(column: Column) -> Any:
    """Return a value that a column takes, made up."""
    match column.type:
        case "float64":
            return 1.5
        case "int64":
            return 1
        case "bool":
            return True
        case "datetime":
            return "2024-01-31T12:00:00Z"
        case "date":
            return "2024-01-31"
    return column.categories[0] if column.categories else "text"


def example_instances(runtime: Runtime) -> Json:
    """Return a V1 request of one row that a model takes."""
    return {"instances": [{column.name: example_of(column) for column in runtime.asked}]}


def example_tensors(runtime: Runtime) -> Json:
    """Return a V2 request of one row that a model takes."""
    inputs = [
        {
            "name": column.name,
            "shape": [1],
            "datatype": datatype_of(column),
            "data": [example_of(column)],
        }
        for column in runtime.asked
    ]
    return {"inputs": inputs}


def _health() -> Json:
    probe = {"200": _json("Status"), "503": _json("Status")}
    return {
        "/health/live": _get("Whether the process answers.", {"200": _json("Status")}),
        "/health/ready": _get("Whether every champion is in memory.", probe),
        "/v2": _get("The server's metadata.", {"200": _json("ServerMetadata")}),
        "/v2/health/live": _get("Whether the process answers.", {"200": _json("Status")}),
        "/v2/health/ready": _get("Whether every champion is in memory.", probe),
        "/v1/models": _get("What serves, and what does not.", {"200": _json("Status")}),
        "/v2/repository/index": {
            "post": {
                "summary": "Every model, and whether it answers.",
                "requestBody": _body(_ref("IndexRequest")),
                "responses": {"200": _json("Index"), **_errors("v2")},
            }
        },
    }


def _of_any_model() -> Json:
    paths: Json = {}
    for given, name in (([_MODEL], ""), ([_MODEL, _VERSION], "/versions/{version}")):
        v1, v2 = "/v1/models/{model}" + name, "/v2/models/{model}" + name
        told = {"200": _json("Status"), **_errors("v1"), "503": _problem("v1")}
        paths[v1] = _get("What answers there.", told) | {"parameters": given}
        told = {"200": _json("ModelMetadata"), **_errors("v2"), "503": _problem("v2")}
        paths[v2] = _get("A model's metadata.", told) | {"parameters": given}
        told = {"200": _json("Status"), **_errors("v2"), "503": _problem("v2")}
        paths[v2 + "/ready"] = _get("Whether a model answers.", told) | {"parameters": given}
        paths[v1 + ":predict"] = {"post": _post("Predictions.", "Predict", "Predictions", "v1")}
        paths[v2 + "/infer"] = {"post": _infer_any()}
        for path in (v1 + ":predict", v2 + "/infer"):
            paths[path]["parameters"] = given
    return paths


def _feedback() -> Json:
    # Below /v2, an address that is none is said in that protocol's shape.
    either = {"4XX": _problem("v1"), "503": _problem("v1")}
    either["4XX"] = either["4XX"] | {
        "content": either["4XX"]["content"] | _json("Error")["content"],
    }
    post = {
        "summary": "Labels and overrides of predictions.",
        "requestBody": _body(_ref("Feedback"), required=True),
        "responses": {"202": _json("Status"), **either},
    }
    paths = ("/v1/models/{model}:feedback", "/v2/models/{model}/feedback")
    return {path: {"post": post, "parameters": [_MODEL]} for path in paths}


def _predict(name: str, runtime: Runtime, limits: Limits) -> Json:
    values = {column.name: _VALUES.get(column.type, _TEXT) for column in runtime.asked}
    record = {
        "type": "object",
        "properties": values,
        "required": list(values),
        "additionalProperties": False,
    }
    row = {"type": "array", "minItems": len(values), "maxItems": len(values)}
    some = {"minItems": 1, "maxItems": limits.rows, "type": "array"}
    instances = {"oneOf": [{**some, "items": record}, {**some, "items": row}]}
    asked = _predict_schema(instances)
    operation = _post(f"Predictions of '{name}'.", "Predict", "Predictions", "v1")
    operation["requestBody"] = _body(asked, example_instances(runtime), required=True)
    return operation


def _infer(name: str, runtime: Runtime) -> Json:
    operation = _infer_any() | {"summary": f"Inference by '{name}'."}
    operation["requestBody"] = _infer_body(example_tensors(runtime))
    return operation


def _infer_any() -> Json:
    operation = _post("Inference.", "InferRequest", "InferResponse", "v2")
    operation["requestBody"] = _infer_body(None)
    length = {"type": "integer", "minimum": 0}
    operation["parameters"] = [
        {"in": "header", "name": "Inference-Header-Content-Length", "schema": length}
    ]
    return operation


def _infer_body(example: Json | None) -> Json:
    body = _body(_ref("InferRequest"), example, required=True)
    body["content"]["application/octet-stream"] = {"schema": {}}
    return body


def _post(summary: str, asked: str, told: str, shape: str) -> Json:
    return {
        "summary": summary,
        "requestBody": _body(_ref(asked), required=True),
        "responses": {"200": _json(told), **_errors(shape), "503": _problem(shape)},
    }


def _get(summary: str, responses: Json) -> Json:
    return {"get": {"summary": summary, "responses": responses}}


def _body(schema: Json, example: Json | None = None, *, required: bool = False) -> Json:
    content: Json = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"required": required, "content": {"application/json": content}}


def _json(name: str) -> Json:
    return {"description": name, "content": {"application/json": {"schema": _ref(name)}}}


def _errors(shape: str) -> Json:
    return {"4XX": _problem(shape)}


def _problem(shape: str) -> Json:
    if shape == "v2":
        return _json("Error")
    content = {"application/problem+json": {"schema": _ref("Problem")}}
    return {"description": "What is wrong (RFC 9457).", "content": content}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _predict_schema(instances: Json) -> Json:
    return {
        "type": "object",
        "properties": {
            "instances": instances,
            "ids": {
                "type": ["array", "null"],
                "items": {"type": "string", "minLength": 1, "maxLength": 128},
            },
            "probabilities": {"type": "boolean", "default": True},
        },
        "required": ["instances"],
        "additionalProperties": False,
    }


def _object(required: dict[str, Json], **optional: Json) -> Json:
    properties = required | optional
    return {"type": "object", "properties": properties, "required": list(required)}


def _array(items: Json) -> Json:
    return {"type": "array", "items": items}


_ONE_TEXT: Json = {"type": "string"}
_WHOLE: Json = {"type": "integer"}
_SHAPE = _array(_WHOLE)
_DATATYPE: Json = {"enum": list(DATATYPES)}
_PARAMETERS: Json = {"type": ["object", "null"]}
_TENSOR = {"name": {**_ONE_TEXT, "minLength": 1}, "shape": _SHAPE, "datatype": _DATATYPE}
_FEEDBACK_ID: Json = {"type": "string", "minLength": 1, "maxLength": 128}
_SCHEMAS: Json = {
    "Status": {"type": "object"},
    "Error": _object({"error": {**_ONE_TEXT, "minLength": 1}}),
    "Problem": _object(
        {"type": _ONE_TEXT, "title": _ONE_TEXT, "status": _WHOLE, "detail": _ONE_TEXT},
        field=_ONE_TEXT,
    ),
    "Predict": _predict_schema({"type": "array", "minItems": 1}),
    "Predictions": _object(
        {
            "predictions": {"type": "array"},
            "model": _ONE_TEXT,
            "version": _WHOLE,
            "epoch": _WHOLE,
            "slot": _ONE_TEXT,
            "ids": _array(_ONE_TEXT),
        },
        probabilities=_array(_array({"type": ["number", "null"]})),
        classes={"type": "array"},
        not_finite=_array(_WHOLE),
    ),
    "ServerMetadata": _object(
        {"name": _ONE_TEXT, "version": _ONE_TEXT, "extensions": _array(_ONE_TEXT)}
    ),
    "ModelMetadata": _object(
        {
            "name": _ONE_TEXT,
            "versions": _array(_ONE_TEXT),
            "platform": _ONE_TEXT,
            "inputs": _array(_object(_TENSOR)),
            "outputs": _array(_object(_TENSOR)),
        },
    ),
    "InferRequest": _object(
        {"inputs": {**_array(_object({**_TENSOR}, data={"type": "array"})), "minItems": 1}},
        id={"type": ["string", "null"], "maxLength": 120},
        parameters=_PARAMETERS,
        outputs={
            "type": ["array", "null"],
            "items": _object({"name": _ONE_TEXT}, parameters=_PARAMETERS),
        },
    ),
    "InferResponse": _object(
        {
            "model_name": _ONE_TEXT,
            "model_version": _ONE_TEXT,
            "id": _ONE_TEXT,
            "parameters": {"type": "object"},
            "outputs": _array(_object(_TENSOR, data={"type": "array"})),
        }
    ),
    "IndexRequest": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
    "Index": _array(
        _object({"name": _ONE_TEXT, "state": _ONE_TEXT, "reason": _ONE_TEXT}, version=_ONE_TEXT)
    ),
    "Feedback": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {
            "labels": _array(_object({"id": _FEEDBACK_ID, "label": {}}, at=_TEXT)),
            "overrides": _array(
                _object(
                    {
                        "id": _FEEDBACK_ID,
                        "value": {},
                        "by": _FEEDBACK_ID,
                        "reason": {"type": "string", "minLength": 1, "maxLength": 1000},
                    },
                    at=_TEXT,
                )
            ),
        },
    },
}
