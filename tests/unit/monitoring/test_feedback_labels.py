"""Do labels that clients bring by prediction id reach the readings?"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tenure import predictions
from tenure.predictions.feedback import LABEL, OVERRIDE, FeedbackSpool, Said, feedback_spool
from tenure.serving import build_app
from tests.unit.monitoring.test_windows import at, days, in_office_since
from tests.unit.monitoring.watching import log, measure, rows
from tests.unit.serving.lives import client_of


@pytest.fixture
def logged(watched):
    """A window of 200 logged predictions that is read, of a model whose spec names no labels."""
    watched.watch(monitoring={"window": {"days": 1}})
    since = in_office_since(watched.workspace)
    watched.frame = rows(200, 7)
    watched.ids = log(watched.workspace, watched.frame, start=since + timedelta(hours=1))
    at(watched, since + days(1.1))
    watched.first = watched.read()
    return watched


def tell(watched, count, *, start=0, wrong=0, kind=LABEL):
    truth = watched.frame["y"].to_numpy()[start : start + count].copy()
    truth[:wrong] = 1 - truth[:wrong]
    more = {} if kind == LABEL else {"by": "ann", "reason": "Known."}
    said = [
        Said(kind=kind, id=one, value=int(value), **more)
        for one, value in zip(watched.ids[start : start + count], truth, strict=True)
    ]
    spool = FeedbackSpool(feedback_spool(watched.workspace))
    spool.put(watched.name, said, key="").result(timeout=60)
    spool.close()


@pytest.mark.parametrize("is_carried", [False, True])
def test_labels_by_id_add_a_revision_without_a_word_in_the_spec(logged, is_carried):
    [reading] = logged.first
    assert reading.labelled_rows == 0
    assert logged.due() == []
    tell(logged, 100, wrong=25)
    if is_carried:
        assert predictions.carry_feedback(logged.workspace) == 100
    assert logged.due() == [reading.window]
    [again] = logged.read()
    assert (again.revision, again.labelled_rows) == (2, 100)
    assert measure(again, "label_coverage_share").value == 0.5
    assert measure(again, "metric:accuracy").value == pytest.approx(0.75)
    assert logged.due() == []
    predictions.carry_feedback(logged.workspace)
    assert logged.due() == [], "that it was carried over is no news"


def test_the_newest_word_stands_and_an_override_is_no_label(logged):
    tell(logged, 100, wrong=100)
    logged.read()
    tell(logged, 200)
    [again] = logged.read()
    assert measure(again, "metric:accuracy").value == 1
    tell(logged, 200, wrong=200, kind=OVERRIDE)
    assert logged.due() == []


def test_feedback_outranks_the_source_and_fills_what_it_lacks(logged):
    logged.watch(data={"labels": {"source": "labels", "key": ["id"], "delay_days": 5}})
    folder = logged.workspace.root / "labels"
    folder.mkdir()
    truth = 1 - logged.frame["y"].to_numpy()[:100]
    lines = [f"{one},{value}" for one, value in zip(logged.ids[:100], truth, strict=True)]
    (folder / "one.csv").write_text("\n".join(["id,y", *lines]) + "\n")
    tell(logged, 100, start=50)
    [again] = logged.read()
    assert again.labelled_rows == 150
    assert measure(again, "metric:accuracy").value == pytest.approx(100 / 150)


def test_a_spec_may_name_feedback_as_the_only_source(logged):
    logged.watch(data={"labels": {"source": "feedback", "delay_days": 5}})
    assert logged.due() == []
    tell(logged, 200)
    [again] = logged.read()
    assert again.labelled_rows == 200


def test_from_a_prediction_over_feedback_to_the_readings_coverage(watched):
    """A server predicts, is told what became of half of it, and the next reading knows."""
    watched.watch(monitoring={"window": {"days": 1}})
    since, frame = in_office_since(watched.workspace), rows(160, 7)
    app = build_app(watched.workspace)
    app.core.router.look()
    given = frame[["a", "b", "c", "kind", "still"]].astype({"kind": str})
    said = call(app, ":predict", {"instances": given.to_dict(orient="records")})
    truth = frame["y"].tolist()
    labels = [{"id": one, "label": truth[place]} for place, one in enumerate(said["ids"][:80])]
    assert call(app, ":feedback", {"labels": labels})["labels"] == 80
    app.core.log.close()
    app.core.close()
    assert predictions.carry(watched.workspace).rows == 160
    at(watched, since + days(1.1))
    [reading] = watched.read()
    assert (reading.rows, reading.labelled_rows) == (160, 80)
    assert measure(reading, "label_coverage_share").value == 0.5
    right = sum(map(int.__eq__, said["predictions"][:80], truth[:80]))
    assert measure(reading, "metric:accuracy").value == pytest.approx(right / 80)


def call(app, verb, body):
    async def go():
        async with client_of(app) as client:
            return await client.post(f"/v1/models/fraud{verb}", json=body)

    answer = asyncio.run(go())
    assert answer.status_code in (200, 202), answer.text
    return answer.json()
