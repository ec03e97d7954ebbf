"""What a version is compared with: kept once, of rows that it had not seen, whatever came later."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from tenure import monitoring
from tenure.errors import VersionNotFound
from tenure.monitoring.references import load_reference, read_sample
from tenure.records import Candidate, GateVerdict
from tenure.registry import (
    collect,
    dump_estimator,
    open_ledger,
    open_store,
    register,
)
from tests.unit.monitoring.watching import ACTOR, BATCHES, MODEL, PROJECT, ROWS, rows
from tests.unit.registry.lives import evaluation


def test_a_reference_is_kept_once_and_stays(watched):
    ledger = open_ledger(watched.workspace)
    first = ledger.reference(MODEL, 1)
    watched.watch(monitoring={"min_rows": 7})
    watched.add(rows(seed=99, day=13))
    head = ledger.head()
    assert monitoring.keep_reference(MODEL, 1, watched.workspace, actor=ACTOR) == first
    assert ledger.head() == head
    assert load_reference(first, watched.workspace) == watched.keep()


def test_it_knows_what_the_training_rows_held(watched):
    reference = watched.keep()
    whole = np.concatenate([rows(seed=place, day=place)["a"] for place in range(BATCHES)])
    known = {each.name: each for each in reference.columns}
    assert set(known) == {"a", "b", "c", "kind", "still"}
    assert (known["a"].low, known["a"].high) == (whole.min(), whole.max())
    assert known["a"].deviation == pytest.approx(whole.std())
    assert known["kind"].categories == ("food", "fuel", "toys")
    assert known["still"].stands_still
    assert not known["a"].stands_still
    assert reference.rows == BATCHES * ROWS
    assert sum(each.weight or 0 for each in reference.columns) == pytest.approx(1)
    assert {each.column for each in reference.thresholds} == {"a", "b", "c", "kind"}
    assert all(0.02 <= each.value < 1 for each in reference.thresholds)
    sample = read_sample(reference.sample, watched.workspace)
    assert len(sample["a"]) == BATCHES * ROWS
    assert np.isin(sample["a"], whole).all()


def test_its_predictions_are_of_rows_that_the_model_had_not_seen(watched):
    reference = watched.keep()
    candidate = open_ledger(watched.workspace).version(MODEL, 1).candidate
    assert reference.predictions is not None
    held = read_sample(reference.predictions, watched.workspace)
    assert set(held) == {"score", "label"}
    fit = open_ledger(watched.workspace).candidate(candidate)
    assert fit is not None
    from tenure.evaluation.judged import HELD, parts_of

    parts = parts_of(fit, watched.workspace)
    assert parts is not None
    assert len(held["score"]) == int((parts == HELD).sum()) < reference.rows


def test_large_training_sets_are_sampled(watched, monkeypatch):
    from tenure.monitoring import references

    monkeypatch.setattr(references, "SAMPLE_ROWS", 500)
    ledger = open_ledger(watched.workspace)
    version, judged = ledger.version(MODEL, 1), ledger.evaluation(MODEL, 1)
    from tenure.spec import load_spec

    made = references._made(load_spec(MODEL, watched.workspace), version, judged, watched.workspace)
    sample = read_sample(made.sample, watched.workspace)
    assert len(sample["a"]) == 500
    assert made.rows == BATCHES * ROWS
    whole = watched.keep()
    assert made.columns == whole.columns


def stand_in(watched) -> int:
    """Register a fallback that was fitted on the rows of version 1."""
    from dataclasses import replace

    from sklearn.dummy import DummyClassifier

    ledger = open_ledger(watched.workspace)
    original = ledger.candidate(ledger.version(MODEL, 1).candidate)
    assert original is not None
    frame = rows()
    fit = DummyClassifier(strategy="prior").fit(frame[["a"]], frame["y"])
    digest, size, names = dump_estimator(fit, watched.workspace)
    candidate: Candidate = replace(
        original, id="f" * 64, object=digest, size=size, globals=names, holdout=None
    )
    ledger.record_candidate(candidate, actor=ACTOR)
    judged = evaluation(candidate, GateVerdict.FALLBACK, open_store(watched.workspace).put_json({}))
    from tenure import evaluation as judging

    golden = judging.golden_rows(original, watched.workspace)
    return register(candidate, judged, golden, watched.workspace, actor=ACTOR).number


def test_a_fallback_is_compared_with_what_it_stands_in_for(watched):
    number = stand_in(watched)
    ledger = open_ledger(watched.workspace)
    kept = monitoring.keep_reference(MODEL, number, watched.workspace, actor=ACTOR)
    assert kept == ledger.reference(MODEL, 1)
    watched.add(rows(seed=40, day=13))
    said = {"actor": "person:ann", "reason": "A test.", "evidence": "e" * 64}
    ledger.promote(MODEL, number, expected_epoch=1, **said)
    assert watched.due() == [], "what came before it took office was judged by others"
    reading = watched.seen(rows(seed=41, day=14))
    assert reading.version == number
    [lost] = [one for one in reading.measures if one.name == "prediction_drift"]
    assert (lost.value, lost.drifted) == (None, None)
    assert "fallback" in lost.reason
    assert any(one.name == "drift" and one.value is not None for one in reading.measures)


def test_a_version_that_is_not_there_has_no_reference(watched):
    with pytest.raises(VersionNotFound):
        monitoring.keep_reference(MODEL, 7, watched.workspace, actor=ACTOR)


def test_a_champion_without_a_reference_gets_one_when_it_is_read(workspace):
    from tests.unit.monitoring.watching import Watched

    made = Watched(workspace, MODEL)
    made.write("logistic", evaluation={"primary": "accuracy"})
    made.watch(monitoring={"min_rows": 50})
    for place in range(2):
        made.add(rows(seed=place, day=place)[["a", "b", "c", "y"]])
    _, version = made.full_night()
    assert version == 1
    reading = made.seen(rows(seed=9, day=2)[["a", "b", "c", "y"]])
    assert reading.reason == ""
    reference = made.keep()
    assert reference.calibration.how == "resampled rows"
    assert "assumed independent" in reference.notes[0]


def test_what_a_reading_leads_to_is_never_collected(watched):
    reading = watched.seen(rows(seed=42, day=13))
    reference = watched.keep()
    stray = open_store(watched.workspace).put_bytes(b"nothing leads here")
    assert collect(watched.workspace, grace_s=-1) == [stray]
    store = open_store(watched.workspace)
    for digest in (reading.evidently, reference.sample, reference.predictions):
        assert store.exists(str(digest))


def modules_after(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sorted(sys.modules))"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_the_way_out_of_office_imports_neither_evidently_nor_great_expectations():
    loaded = modules_after(
        "from tenure.monitoring import due_windows, keep_reference, read_window, judge, decide, "
        "explain, expire, policy_of, settle_retrain, superseded_due, watch_age; "
        "import tenure.retirement"
    )
    heavy = {"evidently", "great_expectations", "plotly"}
    assert heavy.isdisjoint(loaded)
    light = modules_after("import tenure.monitoring")
    assert {"numpy", "pandas", "sqlalchemy", "sklearn"}.isdisjoint(light)


def test_nothing_is_sent_to_anybody(watched, monkeypatch):
    """Evidently reports its use unless it is told not to; no socket may be opened at all."""
    import socket

    def refused(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    reading = watched.seen(rows(seed=44, day=13))
    assert reading.evidently is not None
    assert os.environ["DO_NOT_TRACK"]
    from evidently import telemetry

    assert not telemetry.event_logger.is_enabled()


def test_a_version_that_was_judged_progressively_is_compared_with_its_earlier_fits(workspace):
    from tests.unit.monitoring.watching import Watched

    made = Watched(workspace, MODEL)
    made.write(
        "logistic",
        evaluation={"primary": "accuracy", "gate": {"compare": "progressive", "batches": 2}},
    )
    version = None
    for place in range(4):
        made.add(rows(seed=place, day=place)[["a", "b", "c", "y"]])
        _, version = made.full_night()
        if version is not None:
            break
    assert version is not None
    reference = made.keep(version)
    assert reference.predictions is not None
    held = read_sample(reference.predictions, workspace)
    judged = open_ledger(workspace).evaluation(MODEL, version).metrics[0].rows
    assert len(held["score"]) == judged
    again = made.keep(version)
    assert again == reference
