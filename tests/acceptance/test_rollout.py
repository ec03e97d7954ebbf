"""A version takes over by steps on a real server, or comes back, while clients go on asking."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from tenure import rollouts
from tenure.predictions import read
from tenure.records import Slot
from tenure.registry import load_version, open_ledger, open_store
from tenure.registry.frames import cast
from tenure.serving import read_statuses, wait_until_serving
from tenure.workspace import Workspace
from tests.faults.serving_processes import Running, start, until
from tests.unit.cli.calling import Shell
from tests.unit.registry.lives import damage
from tests.unit.serving import lives

ROLLOUT = {
    "steps": ["shadow", 0.5],
    "bake_minutes": 0,
    "min_requests": 25,
    "max_latency_ratio": None,
}
KEYS = [f"customer {number}" for number in range(40)]
ROWS = [{**lives.ROW, "amount": 3.0 * number, "items": 1 + number % 8} for number in range(40)]


@pytest.fixture
def place(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    with lives.copied(template, tmp_path / "a workspace") as workspace:
        for model in ("fraud", "price"):
            file = workspace.models_folder / f"{model}.yaml"
            spec = yaml.safe_load(file.read_text())
            spec["deployment"]["rollout"] = ROLLOUT
            file.write_text(yaml.safe_dump(spec))
        yield workspace


@pytest.fixture
def tenure(place: Workspace, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(place, capsys)


@pytest.fixture
def boot(place: Workspace) -> Iterator[Callable[[], Running]]:
    started: list[Running] = []

    def go() -> Running:
        started.append(start(place, place.root / "server.log"))
        return started[-1]

    yield go
    for each in started:
        each.process.kill()
        each.process.wait()


def limit(place: Workspace, model: str, **limits: Any) -> None:
    """Write other limits into a model's spec."""
    file = place.models_folder / f"{model}.yaml"
    spec = yaml.safe_load(file.read_text())
    spec["deployment"]["rollout"] |= limits
    file.write_text(yaml.safe_dump(spec))


class Truth:
    """What each version of a model says of each row, without a server."""

    def __init__(self, model: str, numbers: range, workspace: Workspace) -> None:
        self.by_version = {}
        for number in numbers:
            rows = cast(pd.DataFrame(ROWS), lives.FEATURES)
            estimator = load_version(model, number, workspace).estimator
            self.by_version[number] = estimator.predict(rows).tolist()

    def holds(self, answer: dict[str, Any], row: int) -> bool:
        (said,) = answer["predictions"]
        wanted = self.by_version[answer["version"]][row]
        return said == wanted or said == pytest.approx(wanted)


def ask(
    client: httpx.Client, model: str, key: int, row: dict[str, Any] | None = None
) -> httpx.Response:
    body = {"instances": [ROWS[key] if row is None else row]}
    return client.post(f"/v1/models/{model}:predict", json=body, headers={"tenure-key": KEYS[key]})


@contextmanager
def asking(address: str, truth: Truth) -> Iterator[Counter[str]]:
    """Ask on and on from beside, and count what came back."""
    counts: Counter[str] = Counter()
    stop = threading.Event()

    def go() -> None:
        with httpx.Client(base_url=address, timeout=60) as client:
            turn = 0
            while not stop.is_set():
                turn = (turn + 1) % len(KEYS)
                answer = ask(client, "fraud", turn)
                if answer.status_code != 200:
                    counts[f"status {answer.status_code}"] += 1
                elif not truth.holds(answer.json(), turn):
                    counts["wrong"] += 1
                else:
                    counts["right"] += 1

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield counts
    finally:
        stop.set()
        thread.join()


def followed(place: Workspace, model: str, slot: Slot) -> None:
    """Wait until the server serves what a slot says."""
    held = open_ledger(place).slot(model, slot)
    assert held is not None
    assert wait_until_serving(model, held.epoch, place, 120, slot=slot).is_complete


def logged(place: Workspace, model: str, slot: str) -> int:
    found = read(model, place, columns=["slot"], shadows=True)
    return int((found["slot"] == slot).sum()) if len(found) else 0


def walked(place: Workspace) -> str:
    """Let time act, as reconcile does each minute, until the step is decided."""

    def did() -> str | None:
        (one,) = rollouts.walk(place)
        return None if one.did == "wait" else one.did

    return until(did)


def test_a_good_version_takes_over_and_nobody_reads_a_wrong_answer(
    place: Workspace, tenure: Shell, boot: Callable[[], Running]
) -> None:
    truth, server, before = Truth("fraud", range(1, 3), place), boot(), damage(place)
    assert "shadow now" in tenure("deploy", "fraud", "2", "-m", "better on newer data").out
    followed(place, "fraud", Slot.SHADOW)
    with asking(server.address, truth) as counts, httpx.Client(base_url=server.address) as client:
        assert {ask(client, "fraud", key).json()["slot"] for key in range(10)} == {"champion"}
        until(lambda: logged(place, "fraud", "shadow") >= 25)
        assert walked(place) == "step 50 %"
        followed(place, "fraud", Slot.CHALLENGER)
        answers = [ask(client, "fraud", key).json() for key in range(len(KEYS))]
        again = [ask(client, "fraud", key).json() for key in range(len(KEYS))]
        assert {each["slot"] for each in answers} == {"champion", "challenger"}
        assert [each["version"] for each in answers] == [each["version"] for each in again]
        until(lambda: logged(place, "fraud", "challenger") >= 25)
        assert walked(place) == "promoted"
        followed(place, "fraud", Slot.CHAMPION)
        last = ask(client, "fraud", 0).json()
        assert (last["version"], last["epoch"], last["slot"]) == (2, 2, "champion")
    assert counts["right"] > 50
    assert set(counts) == {"right"}
    (said,) = tenure("rollout", "status", "fraud", "--json").json
    assert said["rollout"]["state"] == "promoted"
    assert damage(place) == before


def test_a_version_that_answers_otherwise_comes_back_with_its_evidence(
    place: Workspace, tenure: Shell, boot: Callable[[], Running]
) -> None:
    server = boot()
    assert tenure("rollout", "start", "price", "2", "-m", "x").code == 0  # 1,000 dearer each
    followed(place, "price", Slot.SHADOW)
    with httpx.Client(base_url=server.address) as client:
        for key in range(30):
            assert ask(client, "price", key).json()["version"] == 1
        until(lambda: logged(place, "price", "shadow") >= 25)
        assert walked(place) == "rolled_back"
        until(lambda: not read_statuses(place)[0].beside)
        assert ask(client, "price", 0).json()["slot"] == "champion"
    (said,) = tenure("rollout", "status", "price", "--json").json
    assert said["rollout"]["state"] == "rolled_back"
    kept = open_store(place).get_json(said["rollout"]["verdict"])
    broken = [each["name"] for each in kept["judged"]["checks"] if each["finding"] == "broken"]
    assert broken == ["difference"]


def test_a_version_that_labels_speak_against_comes_back_from_the_shadow(
    place: Workspace, tenure: Shell, boot: Callable[[], Running]
) -> None:
    limit(place, "price", max_difference=None)
    server = boot()
    assert tenure("rollout", "start", "price", "2", "-m", "x").code == 0  # 1,000 dearer each
    followed(place, "price", Slot.SHADOW)
    with httpx.Client(base_url=server.address) as client:
        answers = [ask(client, "price", key).json() for key in range(30)]
        until(lambda: logged(place, "price", "shadow") >= 30)
        (before,) = rollouts.walk(place)
        assert before.did == "step 50 %"
        labels = [{"id": answer["ids"][0], "label": answer["predictions"][0]} for answer in answers]
        taken = client.post("/v1/models/price:feedback", json={"labels": labels})
        assert taken.status_code == 202, taken.text
        assert walked(place) == "rolled_back"
    (said,) = tenure("rollout", "status", "price", "--json").json
    kept = open_store(place).get_json(said["rollout"]["verdict"])
    broken = [each["name"] for each in kept["judged"]["checks"] if each["finding"] == "broken"]
    assert broken == ["labels"]
    assert kept["seen"]["loss"]["rows"] == 30
    assert kept["seen"]["loss"]["loss"] == pytest.approx(1_000)


def test_a_version_that_fails_comes_back_and_a_killed_server_goes_on_with_its_slots(
    place: Workspace, tenure: Shell, boot: Callable[[], Running]
) -> None:
    numbers = [
        lives.register_version(place, "price", seed, made(estimator), spec=_spec_of(place))
        for seed, estimator in ((7, HistGradientBoostingRegressor(max_iter=5)), (8, None))
    ]
    lives.promote(place, numbers[0], "price")
    tenure("rollout", "start", "price", str(numbers[1]), "-m", "x")
    tenure("rollout", "advance", "price", "-m", "to the share at once")
    first = boot()
    followed(place, "price", Slot.CHALLENGER)
    first.process.kill()
    first.process.wait()
    server = boot()
    followed(place, "price", Slot.CHALLENGER)
    with httpx.Client(base_url=server.address) as client:
        row = {**lives.ROW, "amount": None}
        statuses = Counter(ask(client, "price", key % 40, row).status_code for key in range(40))
        assert set(statuses) == {200, 422}
        until(lambda: any(each["failed"] > 10 for each in read_statuses(place)[0].tallies))
        assert walked(place) == "rolled_back"
        until(lambda: not read_statuses(place)[0].beside)
        assert {ask(client, "price", key, row).status_code for key in range(40)} == {200}


def made(estimator: Any) -> Any:
    """A regressor that takes missing values, or one that raises on them."""
    rows = lives.frame()
    fresh = make_pipeline(lives.encoded(), estimator or LinearRegression())
    return fresh.fit(rows, np.asarray(lives.target(rows)))


def _spec_of(place: Workspace) -> str:
    ledger = open_ledger(place)
    known = ledger.candidate(ledger.version("price", 1).candidate)
    assert known is not None
    return known.lineage.spec
