"""Who stands in, by each kind of spec, and is anybody disturbed by it?"""

from __future__ import annotations

import numpy as np
import pytest

from tenure import retirement, training
from tenure.errors import FallbackRefused, NotFitToServe
from tenure.records import GateVerdict, Stage
from tenure.registry import due, load_version, open_store, rollback
from tenure.workspace import Workspace
from tests.unit.retirement.lives import ROBOT, Office, loss
from tests.unit.training.houses import ACTOR, rows

RULE = """
from sklearn.base import BaseEstimator, ClassifierMixin


class ByAmount(ClassifierMixin, BaseEstimator):
    def fit(self, frame, target):
        self.classes_ = sorted(set(target))
        return self

    def predict(self, frame):
        return (frame["a"] > 0).astype("int64").to_numpy()


def by_amount():
    return ByAmount()


class Fails(ByAmount):
    def fit(self, frame, target):
        raise ValueError(f"{frame.iloc[0, 0]}")


def failing():
    return Fails()
"""


def predicted(office: Office, number: int) -> np.ndarray:
    loaded = load_version("fraud", number, office.workspace)
    return loaded.estimator.predict(rows(5)[list("abcde")])


def test_the_default_is_the_gates_dummy_as_a_signed_version(office: Office) -> None:
    fallback = office.ledger.version("fraud", 2)
    assert fallback.stage is Stage.VALIDATED
    assert retirement.is_fallback(fallback, office.workspace)
    assert not retirement.is_fallback(office.ledger.version("fraud", 1), office.workspace)
    assert retirement.fallback_of("fraud", office.workspace) == 2
    judged = office.ledger.evaluation("fraud", 2)
    assert (judged.verdict, judged.promotes) == (GateVerdict.FALLBACK, False)
    loaded = load_version("fraud", 2, office.workspace)
    shares = loaded.estimator.predict_proba(rows(3)[list("abcde")])
    target = rows(400)["y"]
    assert abs(shares[0, 1] - target.mean()) < 0.05
    assert loaded.manifest.features == load_version("fraud", 1, office.workspace).manifest.features
    assert loss(office.workspace) == []


def test_it_is_registered_once(office: Office) -> None:
    before = office.ledger.head()
    assert office.fall_back(1).number == 2
    assert office.ledger.head() == before


def test_a_number_falls_back_on_its_median(workspace: Workspace) -> None:
    office = Office(workspace)
    fallback = office.furnish("line")
    assert fallback.number == 2
    known = rows(400, task="number")["y"]
    assert predicted(office, 2)[0] == pytest.approx(known.median(), abs=0.5)


@pytest.mark.parametrize("given", [1, 1.0])
def test_a_constant_is_a_version_too_and_of_the_labels_type(office: Office, given: float) -> None:
    office.also(deployment={"fallback": "constant", "constant": given})
    made = office.fall_back(1)
    assert made.number == 3
    assert retirement.fallback_of("fraud", office.workspace) == 3
    said = predicted(office, 3)
    assert said.tolist() == [1] * 5
    assert said.dtype == np.int64


def test_a_constant_that_is_no_class_is_refused(office: Office) -> None:
    office.also(deployment={"fallback": "constant", "constant": "fraud"})
    with pytest.raises(FallbackRefused, match="none of 0, 1"):
        office.fall_back(1)
    assert [each.number for each in office.ledger.versions("fraud")] == [2, 1]


def test_a_rule_of_ones_own_is_fitted_and_allowed_by_name(office: Office) -> None:
    (office.workspace.root / "house_rules.py").write_text(RULE)
    office.write(training={"allow": ["house_rules.ByAmount"]})
    office.also(deployment={"fallback": "rule", "rule": "house_rules:by_amount"})
    made = office.fall_back(1)
    frame = rows(5)
    assert predicted(office, made.number).tolist() == (frame["a"] > 0).astype(int).tolist()


def test_a_rule_that_fails_says_so_without_a_rows_value(office: Office) -> None:
    (office.workspace.root / "house_rules.py").write_text(RULE)
    office.write(training={"allow": ["house_rules.Fails"]})
    office.also(deployment={"fallback": "rule", "rule": "house_rules:failing"})
    with pytest.raises(FallbackRefused) as refused:
        office.fall_back(1)
    frame = rows(400)
    assert not any(f"{value}" in str(refused.value) for value in frame["a"])
    case = office.retire()
    assert office.ledger.slot("fraud").version == 2, "the one that was registered before"
    assert case.done("verify_successor").facts["kind"] == "fallback"


def test_previous_means_the_former_champion_and_the_dummy_before_there_is_one(
    office: Office,
) -> None:
    office.also(deployment={"fallback": "previous"})
    assert retirement.fallback_of("fraud", office.workspace) == 2
    office.second()
    assert retirement.fallback_of("fraud", office.workspace) == 1
    case = office.retire()
    assert office.ledger.slot("fraud").version == 1
    assert case.done("verify_successor").facts["kind"] == "standby"


def test_none_registers_nothing(office: Office) -> None:
    office.also(deployment={"fallback": "none"})
    assert office.fall_back(1) is None
    assert retirement.fallback_of("fraud", office.workspace) is None


def test_a_fallback_changes_nothing_of_what_is_new_to_training(office: Office) -> None:
    assert due.untrained("fraud", office.workspace) is None
    assert training.current_version("fraud", office.workspace).number == 1
    office.second()
    office.also(deployment={"fallback": "constant", "constant": 0})
    assert office.fall_back(1).number == 4
    assert due.untrained("fraud", office.workspace) is None
    assert training.current_version("fraud", office.workspace).number == 3


def test_a_fallback_that_stood_in_is_never_on_standby(office: Office) -> None:
    office.retire()
    office.add(rows(400, seed=3))
    _, serving = office.full_night()
    assert serving == 3
    assert office.ledger.standby("fraud") == []
    with pytest.raises(NotFitToServe):
        rollback("fraud", office.workspace, actor=ACTOR, reason="back", to=1)


def test_the_daily_check_registers_what_is_missing_and_names_what_is_broken(
    office: Office,
) -> None:
    assert retirement.check_fallbacks(office.workspace, actor=ROBOT) == []
    office.also(deployment={"fallback": "constant", "constant": 0})
    assert retirement.check_fallbacks(office.workspace, actor=ROBOT) == []
    assert retirement.fallback_of("fraud", office.workspace) == 3
    version = office.ledger.version("fraud", 3)
    store = open_store(office.workspace)
    store.shelf.remove(version.object)
    (wrong,) = retirement.check_fallbacks(office.workspace, actor=ROBOT)
    assert wrong.startswith("The fallback of 'fraud' is not fit to serve")
    assert office.ledger.audit(limit=1000)[-1].kind == "verify_failed"


def test_a_recent_check_needs_signature_and_digest_alone_and_an_old_one_the_golden_rows(
    office: Office,
) -> None:
    first = office.open()
    done = retirement.verify_successor(first, office.workspace, actor=ROBOT)
    assert done.done("verify_successor").facts["checked"] == "signature and digest"
    file = office.workspace.state / "checks" / "fraud" / "2.json"
    file.unlink()
    office.ledger.close_case(
        first.id, actor=ROBOT, outcome="Not now.", record=None, now=first.opened_at
    )
    done = retirement.verify_successor(office.open(), office.workspace, actor=ROBOT)
    assert done.done("verify_successor").facts["checked"] == "golden rows"
    assert file.exists()


def test_a_fallback_has_a_page_that_says_what_it_is(office: Office) -> None:
    from tenure.pages import write_evaluation_page

    page = write_evaluation_page("fraud", 2, office.workspace).read_text()
    assert "A fallback: it stands in when a champion is retired" in page
    assert "it answers when a champion of &#39;fraud&#39; is retired without a successor" in page
