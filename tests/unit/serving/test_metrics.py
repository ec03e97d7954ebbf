from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tenure.predictions.status import ServedModel, ServerStatus
from tenure.serving import publishing
from tenure.serving.metrics import MOST_SERIES, Metrics, added
from tenure.serving.publishing import MetricsFile, counted, fold, forget
from tenure.serving.speaking import COUNTERS, exposition
from tenure.workspace import Workspace, open_workspace


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    (tmp_path / "config" / "models").mkdir(parents=True)
    return open_workspace(tmp_path, project=Path(__file__).parents[3])


def some() -> Metrics:
    metrics = Metrics()
    for seconds in (0.0002, 0.0002, 0.003, 99.0):
        metrics.answered("v1", "fraud", 3, "champion", 200, seconds, 5)
    metrics.answered("v1", "fraud", 3, "champion", 422, 0.001, 0)
    metrics.answered("site", "", "", "", 404, 0.001, 0)
    metrics.batch(1)
    metrics.batch(7)
    metrics.loaded("fraud", 3, 0.4)
    metrics.count("flagged", 2, model="fraud", guard="out_of_range")
    return metrics


def said(found: dict[str, Any], statuses: list[ServerStatus] | None = None) -> dict[str, float]:
    """Every sample by its name and labels; each line is checked against the format's grammar."""
    samples = {}
    helped: set[str] = set()
    for line in exposition(found, statuses or []).decode().splitlines():
        if line.startswith("# HELP "):
            assert line.split()[2] not in helped, line
            helped.add(line.split()[2])
        elif not line.startswith("# TYPE "):
            matched = re.fullmatch(r'([a-z_]+)(\{(?:[a-z_]+="[^"\n]*",?)*\})? ([-+.e\d]+)', line)
            assert matched, line
            assert re.sub("_(bucket|sum|count)$", "", matched[1]) in helped
            name = matched[1] + (matched[2] or "")
            assert name not in samples, line
            samples[name] = float(matched[3])
    return samples


def test_what_was_counted_is_said_as_prometheus_reads_it() -> None:
    found = said(some().snapshot())
    fraud = 'door="v1",model="fraud",version="3",slot="champion"'
    assert found[f'tenure_requests_total{{{fraud},code="200"}}'] == 4
    assert found[f'tenure_requests_total{{{fraud},code="422"}}'] == 1
    nothing = 'door="site",model="",version="",slot="",code="404"'
    assert found[f"tenure_requests_total{{{nothing}}}"] == 1
    rows = 'model="fraud",version="3",slot="champion"'
    assert found[f"tenure_predicted_rows_total{{{rows}}}"] == 20
    name = "tenure_request_duration_seconds"
    labels = 'door="v1",model="fraud",version="3"'
    buckets = [
        found[f'{name}_bucket{{{labels},le="{bound}"}}']
        for bound in ("0.00025", "0.0005", "0.001", "0.005", "10.0", "+Inf")
    ]
    assert buckets == [2, 2, 3, 4, 4, 5]
    assert found[f"{name}_count{{{labels}}}"] == 5
    assert found[f"{name}_sum{{{labels}}}"] == pytest.approx(99.0044)
    assert found["tenure_batch_rows_sum"] == 8
    assert found['tenure_model_load_seconds_count{model="fraud"}'] == 1
    flagged = 'tenure_guard_flagged_rows_total{guard="out_of_range",model="fraud"}'
    assert found[flagged] == 2


def test_every_counter_has_a_help_line_before_anything_was_counted() -> None:
    text = exposition(Metrics().snapshot(), []).decode()
    assert text.count("# TYPE") == text.count("# HELP") >= len(COUNTERS)


def test_what_processes_serve_is_said_of_them_together() -> None:
    model = ServedModel(version=3, epoch=9, slot="champion", since="2026-01-01T00:00:00+00:00")
    one = ServerStatus(
        pid=1, started=0.0, address="", at="", is_ready=True, is_draining=False,
        serving={"fraud": model}, dropped=4,
    )  # fmt: skip
    two = ServerStatus(
        pid=2, started=0.0, address="", at="", is_ready=False, is_draining=False,
        obstacles={"fraud": {"version": 3, "epoch": 9, "reason": "x"}}, dropped=1,
        shadowed={"mirrored": 7, "dropped": 2, "unfit": 0},
    )  # fmt: skip
    found = said(Metrics().snapshot(), [one, two])
    assert (found["tenure_processes"], found["tenure_processes_ready"]) == (2, 1)
    serving = 'tenure_model_processes{model="fraud",version="3",slot="champion",epoch="9"}'
    assert found[serving] == 1
    assert found['tenure_model_obstacles{model="fraud"}'] == 1
    assert found["tenure_prediction_log_dropped_rows_total"] == 5
    assert found["tenure_shadow_requests_total"] == 7
    assert found["tenure_shadow_dropped_total"] == 2


def test_labels_cannot_break_a_line() -> None:
    metrics = Metrics()
    metrics.count("feedback", model='a"b\\c\nd')
    assert rb'model="a\"b\\c\nd"' in exposition(metrics.snapshot(), [])


def test_series_are_bounded_whatever_comes() -> None:
    metrics = Metrics()
    for version in range(MOST_SERIES + 50):
        metrics.answered("v1", "fraud", version, "champion", 200, 0.1, 1)
        metrics.count("flagged", model=str(version))
    snapshot = metrics.snapshot()
    assert len(snapshot["answered"]) == MOST_SERIES + 1
    assert len(snapshot["counters"]) == MOST_SERIES
    assert sum(sum(each[1]) for each in snapshot["answered"]) == MOST_SERIES + 50


def test_processes_are_added_up() -> None:
    one, two = some(), some()
    two.answered("v1", "fraud", 4, "challenger", 200, 0.1, 1)
    one.waiting, two.waiting = lambda: 3, lambda: 4
    found = said(added([orjson.loads(orjson.dumps(each.snapshot())) for each in (one, two)]))
    fraud = 'door="v1",model="fraud",version="3",slot="champion"'
    assert found[f'tenure_requests_total{{{fraud},code="200"}}'] == 8
    other = 'door="v1",model="fraud",version="4",slot="challenger"'
    assert found[f'tenure_requests_total{{{other},code="200"}}'] == 1
    assert found["tenure_requests_in_flight"] == 7
    assert found["tenure_batch_rows_count"] == 4


GONE = """
import sys
from tenure.serving.metrics import Metrics
from tenure.serving.publishing import MetricsFile
from tenure.workspace import open_workspace
metrics = Metrics()
metrics.answered("v1", "fraud", 3, "champion", 200, 0.001, 5)
metrics.waiting = lambda: 9
MetricsFile(open_workspace(sys.argv[1], sys.argv[2]), metrics).write()
"""


def test_what_an_ended_process_had_counted_stays_and_is_added_once(place: Workspace) -> None:
    mine = MetricsFile(place, some())
    mine.write()
    command = [sys.executable, "-c", GONE, str(place.root), str(place.project)]
    for _ in range(2):
        subprocess.run(command, check=True, cwd=place.project)
    total = 'tenure_requests_total{door="v1",model="fraud",version="3",slot="champion",code="200"}'
    assert said(counted(place))[total] == 6
    kept = {file: file.read_bytes() for file in place.spool.glob("metrics-*.json")}
    fold(place)
    assert len([*place.spool.glob("metrics-*.json")]) == 1, "my own is left"
    assert said(counted(place))[total] == 6
    for file, content in kept.items():
        file.write_bytes(content)  # as if the process had been killed before it took them away
    assert said(counted(place))[total] == 6
    fold(place)
    assert said(counted(place))[total] == 6
    assert counted(place)["in_flight"] == 0
    forget(place)
    assert said(counted(place))[total] == 4


def test_whoever_looks_while_an_ended_process_is_added_to_the_past_misses_nothing(
    place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    MetricsFile(place, some()).write()
    command = [sys.executable, "-c", GONE, str(place.root), str(place.project)]
    subprocess.run(command, check=True, cwd=place.project)
    before = said(counted(place))
    read, folds = publishing._past_bytes, [1]

    def then_fold(workspace: Workspace) -> bytes:
        found = read(workspace)
        if folds:
            folds.pop()
            fold(workspace)
        return found

    monkeypatch.setattr(publishing, "_past_bytes", then_fold)
    assert said(counted(place)) == before
    assert not folds
