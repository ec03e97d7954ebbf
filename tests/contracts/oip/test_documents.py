"""The protocol's own OpenAPI documents hold for this server, whatever is sent."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import CheckFunction
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from tests.contracts.oip.documents import document
from tests.faults.serving_processes import Running

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
FEW = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
DATA = schemathesis.openapi.from_dict(document("dataplane.json"))
REPOSITORY = schemathesis.openapi.from_dict(document("model_repository.json"))
KNOWN = {"model_name": "fraud", "model_version": "1"}


def judge(case: Any, served: Running) -> None:
    # Chance never finds the name of a model: half of the cases get one that is served.
    if case.path_parameters and len(str(case.body)) % 2:
        case.path_parameters = {name: KNOWN[name] for name in case.path_parameters}
    case.call_and_validate(base_url=served.address, checks=CHECKS)


@DATA.parametrize()
@FEW
def test_the_data_plane(case: Any, served: Running) -> None:
    judge(case, served)


@REPOSITORY.parametrize()
@FEW
def test_the_repository(case: Any, served: Running) -> None:
    judge(case, served)


@pytest.mark.parametrize("path", list(document("dataplane.json")["paths"]))
def test_every_route_of_the_document_answers_for_a_model_that_serves(
    served: Running, path: str
) -> None:
    address = served.address + path.format(**KNOWN)
    if path.endswith("/infer"):
        assert httpx.post(address, json={}).status_code == 400
    else:
        assert httpx.get(address).status_code == 200


OF_THE_PROTOCOL = [
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/",
    "/v2/models/{model_name}/versions/{model_version}",
    "/v2/models/{model_name}/versions/{model_version}/ready",
    "/v2/models/{model_name}/versions/{model_version}/infer",
]
"""The operations of `open_inference_rest.yaml`; README.md says how the two documents differ."""


def test_the_protocol_s_own_routes_are_among_them(served: Running) -> None:
    known = document("dataplane.json")["paths"]
    for path in OF_THE_PROTOCOL:
        assert path.rstrip("/") in known
        address = served.address + path.format(**KNOWN)
        if path.endswith("/infer"):
            answer = httpx.post(address, json={"inputs": []})
            assert (answer.status_code, list(answer.json())) == (400, ["error"])
        else:
            assert httpx.get(address).status_code == 200
