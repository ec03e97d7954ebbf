"""Does the demo touch only what is its own?"""

import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from examples.demo import acts, stage

PROJECT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    for name in ("TENURE_PROJECT", "TENURE_WORKSPACE", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "before")


def test_a_folder_of_somebody_else_is_refused_and_stays(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years")
    with pytest.raises(stage.NotAsPromised, match="another --folder"):
        stage.make_workspace(tmp_path, PROJECT)
    assert (tmp_path / "thesis.txt").read_text() == "three years"


def test_a_second_demo_begins_anew_with_both_models(tmp_path):
    from tenure.spec import load_all

    first = stage.make_workspace(tmp_path / "demo", PROJECT)
    (first.root / "data" / "fraud" / "old.csv").write_text("1")
    again = stage.make_workspace(tmp_path / "demo", PROJECT)
    assert list((again.root / "data" / "fraud").iterdir()) == []
    assert again.simulated
    assert sorted(spec.name for spec in load_all(again)) == ["fraud", "iris"]


def test_settings_that_point_elsewhere_are_dropped(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://somebody.example/api")
    monkeypatch.setenv("TENURE_KEY_DIR", "/keys")
    stage.forget_environment()
    left = [n for n in os.environ if n.startswith(("PREFECT_", "TENURE_"))]
    assert left == []


def test_the_past_ends_where_the_dropped_file_begins():
    today = date(2026, 11, 21)
    start = acts._start(today)
    assert (today - start).days == 64
    begins, ends = acts._rings(start)
    last_past = start + timedelta(days=(acts.FILES - 1) * acts.DAYS_A_FILE)
    assert begins["insiders"] == last_past == ends["spenders"]
    assert last_past + timedelta(days=2 * acts.DAYS_A_FILE) == today
