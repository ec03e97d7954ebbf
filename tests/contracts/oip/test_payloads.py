"""Requests as MLServer's clients send them are answered here."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.contracts.oip.documents import FOLDER
from tests.faults.serving_processes import Running

PAYLOADS: dict[str, dict[str, Any]] = json.loads((FOLDER / "payloads.json").read_text())
EXPECTED = {"fraud": ["fine", "fraud"], "digits": [1, 0]}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_payload_of_mlserver_s_clients_is_answered(
    served: Running, payload: dict[str, Any]
) -> None:
    model, rows = payload["model"], payload["rows"]
    answer = httpx.post(f"{served.address}/v2/models/{model}/infer", json=payload["request"])
    assert answer.status_code == 200, answer.text
    outputs = {each["name"]: each for each in answer.json()["outputs"]}
    assert outputs["predict"]["data"] == EXPECTED[model][:rows]
    assert outputs["predict"]["shape"] == [rows]
    if "outputs" not in payload["request"]:
        assert outputs["predict_proba"]["shape"] == [rows, 2]
