"""What this server says of itself holds: its OpenAPI document, and the commands that it shows."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
from typing import Any

import httpx
import orjson
import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis import GenerationMode

from tests.contracts.oip.test_documents import CHECKS
from tests.contracts.oip.test_documents import FEW as SOME
from tests.faults.serving_processes import Running
from tests.unit.serving.lives import ROW


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_the_document_holds(served: Running, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{served.address}/openapi.json")
    operations = [each.ok() for each in schema.get_all_operations()]
    assert len(operations) > 20
    for operation in operations:
        # Of what is only read, little can be wrong.
        if operation.method == "post" or mode is GenerationMode.POSITIVE:
            try_out(operation, mode, served.address)


def try_out(operation: Any, mode: GenerationMode, address: str) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(SOME, max_examples=4 if operation.method == "post" else 1)
    def holds(case: Any) -> None:
        case.call_and_validate(base_url=address, checks=CHECKS)

    holds()


def test_each_model_has_its_columns_in_the_document(served: Running) -> None:
    paths = httpx.get(f"{served.address}/openapi.json").json()["paths"]
    asked = paths["/v1/models/fraud:predict"]["post"]["requestBody"]["content"]["application/json"]
    records = asked["schema"]["properties"]["instances"]["oneOf"][0]["items"]
    assert list(records["properties"]) == list(ROW)
    assert list(asked["example"]["instances"][0]) == list(ROW)
    assert "/v2/models/digits/infer" in paths


def commands(address: str) -> list[str]:
    page = httpx.get(f"{address}/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" not in page.text
    return [html.unescape(each) for each in re.findall(r"<pre>(.*?)</pre>", page.text, re.DOTALL)]


def test_the_commands_of_the_page_answer_when_pasted(served: Running) -> None:
    curl = shutil.which("curl")
    assert curl is not None
    found = commands(served.address)
    assert len(found) == 6  # two a model
    for command in found:
        ran = subprocess.run(
            ["bash", "-c", command.replace("curl ", "curl -sS ", 1)],
            capture_output=True,
            check=True,
        )
        said = orjson.loads(ran.stdout)
        assert {"predictions", "outputs"} & said.keys(), said
