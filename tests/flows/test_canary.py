"""A value planted in a row reaches no page, no state and no log of Prefect."""

from __future__ import annotations

import os
from typing import Any

import httpx
import pytest
from prefect.logging.handlers import APILogHandler

from flows.ingest import ingest
from flows.train import train
from tenure.errors import FitFailed, Unforeseen
from tests.acceptance.conftest import SPEC
from tests.acceptance.recipe import make_batch
from tests.servers import eventually

CANARY = 4711.08154711
RECIPE = """
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer


def quoting(frame, least):
    if len(frame) < least:
        raise ValueError(f"Input contains {frame.to_dict('records')}")
    return frame


def make_model(least):
    step = FunctionTransformer(quoting, kw_args={"least": least})
    return make_pipeline(step, LogisticRegression())
"""


@pytest.fixture
def planted(loans):
    """A model whose pipeline raises an error that quotes its rows."""
    (loans.root / "canary_recipe.py").write_text(RECIPE)
    frame = make_batch(400, seed=1)
    frame["income"] = CANARY
    frame.to_csv(loans.root / "data/loans/monday.csv", index=False)
    return loans


def spec_with(least: int) -> str:
    pipeline = "canary_recipe:make_model"
    training = f"pipeline: {pipeline!r}, parameters: {{least: {least}}}"
    allow = "allow: [canary_recipe.quoting]"
    return SPEC.replace(
        'training: {pipeline: "tests.acceptance.recipe:make_model"}',
        f"training: {{{training}, {allow}}}",
    )


def everything_told(api: str, run: str) -> list[str]:
    """What Prefect keeps of a run: names, states, logs and artifacts."""

    def ask(path: str, **body: Any) -> Any:
        answer = httpx.post(f"{api}/{path}/filter", json=body, trust_env=False)
        return answer.raise_for_status().json()

    only = {"flow_runs": {"id": {"any_": [run]}}}
    APILogHandler().flush()
    logs = eventually(lambda: ask("logs", logs={"flow_run_id": {"any_": [run]}}), 20)
    told = [logs, ask("flow_runs", **only), ask("task_runs", **only), ask("artifacts", **only)]
    assert any("failure " in one["message"] for one in logs)
    return [str(each) for each in told]


@pytest.mark.parametrize(
    ("least", "error"), [(10_000, FitFailed), (200, Unforeseen)], ids=["in-a-fit", "in-a-task"]
)
def test_a_row_that_an_error_quotes_is_told_nobody(planted, api, least, error):
    (planted.models_folder / "loans.yaml").write_text(spec_with(least))
    assert ingest("loans", return_state=True).name == "Completed"
    state = train("loans", return_state=True)
    assert state.is_failed()
    with pytest.raises(error):
        state.result()
    kept = list((planted.state / "logs" / "failures").iterdir())
    assert any(str(CANARY) in file.read_text() for file in kept)
    pages = [file.read_text() for file in planted.pages.rglob("*.html")]
    told = everything_told(api, str(state.state_details.flow_run_id))
    for text in [state.message, *told, *pages]:
        assert str(CANARY) not in text
    assert os.stat(kept[0]).st_mode & 0o077 == 0
