"""An infer request of the open protocol is answered, or refused by one sentence; never a 500."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from tests.unit.serving.lives import FEATURES, ROW

INFER = "/v2/models/fraud/infer"
DATATYPES = {"amount": "FP64", "items": "INT64", "country": "BYTES", "is_new": "BOOL"}
Ask = Callable[..., httpx.Response]


def tensors(*rows: dict[str, Any], **shape: list[int]) -> list[dict[str, Any]]:
    return [
        {
            "name": feature.name,
            "shape": [len(rows)],
            "datatype": DATATYPES[feature.name],
            "data": [row[feature.name] for row in rows],
        }
        for feature in FEATURES
    ]


def test_an_answer_holds_both_outputs_and_what_gave_them(ask: Ask) -> None:
    body = {"id": "a", "inputs": tensors(ROW, {**ROW, "amount": 900})}
    answer = ask("POST", INFER, json=body)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["model_name"], said["model_version"], said["id"]) == ("fraud", "1", "a")
    assert said["parameters"].items() >= {"epoch": 1, "slot": "champion"}.items()
    predict, shares = said["outputs"]
    assert predict == {"name": "predict", "datatype": "BYTES", "shape": [2]} | {
        "data": ["fine", "fraud"]
    }
    assert (shares["name"], shares["shape"]) == ("predict_proba", [2, 2])
    assert np.reshape(shares["data"], (2, 2)).sum(axis=1) == pytest.approx([1, 1])
    assert answer.headers["tenure-version"] == "1"


def test_one_row_and_many_rows_are_read_alike(ask: Ask) -> None:
    rows = [ROW, {**ROW, "amount": 900}, {**ROW, "country": None}]
    together = ask("POST", INFER, json={"inputs": tensors(*rows)}).json()
    alone = [ask("POST", INFER, json={"inputs": tensors(row)}).json() for row in rows]
    assert together["outputs"][0]["data"] == [each["outputs"][0]["data"][0] for each in alone]
