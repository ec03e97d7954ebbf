"""The flows do what their sentences say, once, whoever calls them how often."""

from __future__ import annotations

import httpx
import pytest

from flows.deploy import deploy
from flows.ingest import ingest
from flows.train import train
from tenure import evaluation, training
from tenure.errors import NotFitToServe, VersionNotFound
from tenure.records import BatchState
from tenure.registry import open_ledger, register
from tests.flows.conftest import drop

SECOND = 3
"""The number of the second fit; 2 is the fallback's, which came with the first."""


@pytest.fixture
def trained(loans):
    """The model with a first version that serves."""
    drop(loans, "monday.csv", 400, seed=1, early=True)
    ingest("loans")
    train("loans")
    return loans


def test_from_a_file_to_a_champion(loans):
    drop(loans, "monday.csv", 400, seed=1, early=True)
    taken = ingest("loans", return_state=True)
    assert taken.message == "1 accepted. "
    state = train("loans", return_state=True)
    assert state.name == "Completed"
    assert open_ledger(loans).slot("loans").version == 1
    assert (loans.pages / "loans/versions/1.html").is_file()
    assert open_ledger(loans).unsent() == []
    assert {row.actor for row in open_ledger(loans).audit()} == {"automation:test"}


def test_a_second_run_finds_nothing_to_do(trained):
    before = open_ledger(trained).head()
    assert ingest("loans", return_state=True).name == "Skipped"
    assert train("loans", return_state=True).name == "Skipped"
    assert open_ledger(trained).head() == before


def test_a_bad_file_is_quarantined_and_says_why(trained):
    (trained.root / "data/loans/bad.csv").write_text("income,repaid\n1.0,1\n2.0,0\n")
    state = ingest("loans", return_state=True)
    assert "1 quarantined" in state.message
    assert "debt" in state.message
    (batch,) = open_ledger(trained).batches("loans", state=BatchState.QUARANTINED)
    assert (trained.pages / f"loans/batches/{batch.digest[:12]}.html").is_file()


@pytest.mark.parametrize(("verb", "flow"), [("train", train)])
def test_a_run_leaves_a_model_alone_that_another_works_on(loans, verb, flow):
    ledger = open_ledger(loans)
    lease = ledger.acquire_lease(f"{verb}:loans", holder="run:another", ttl_s=60)
    assert flow("loans", return_state=True).name == "Skipped"
    ledger.release_lease(lease)


def test_a_run_gives_its_lease_back(trained):
    ledger = open_ledger(trained)
    for verb in ("ingest", "train"):
        lease = ledger.acquire_lease(f"{verb}:loans", holder="run:another", ttl_s=1)
        assert lease is not None
        ledger.release_lease(lease)


def test_what_died_between_register_and_deploy_is_carried_through(trained):
    """The version was judged and registered; whoever did it was killed before the slot moved."""
    drop(trained, "tuesday.csv", 2000, seed=2)
    ingest("loans")
    plan = training.plan("loans", trained)
    fits = [training.fit("loans", order, trained, actor="system:test") for order in plan.fits]
    judged = evaluation.evaluate("loans", fits, trained)
    assert judged.promotes
    rows = evaluation.golden_rows(open_ledger(trained).candidate(judged.candidate), trained)
    register(
        open_ledger(trained).candidate(judged.candidate), judged, rows, trained, actor="system:test"
    )
    assert open_ledger(trained).slot("loans").version == 1
    train("loans")
    assert open_ledger(trained).slot("loans").version == SECOND
    assert len(open_ledger(trained).versions("loans")) == SECOND


def test_deploy_takes_an_older_version_back(trained):
    drop(trained, "tuesday.csv", 2000, seed=2)
    ingest("loans")
    train("loans")
    assert open_ledger(trained).slot("loans").version == SECOND
    state = deploy("loans", 1, "alarms since noon", return_state=True)
    assert state.message == "Version 1 of 'loans' serves, at epoch 3."
    assert open_ledger(trained).slot("loans").reason == "alarms since noon"


def test_deploy_refuses_a_version_that_lost(trained):
    drop(trained, "noise.csv", 60, seed=9, early=True)
    ingest("loans")
    train("loans")
    assert open_ledger(trained).slot("loans").version == 1
    with pytest.raises(NotFitToServe):
        deploy("loans", SECOND, "I like it better")
    assert open_ledger(trained).slot("loans").version == 1


def test_nothing_is_stored_as_a_result_nor_as_an_error(trained):
    """Prefect would pickle it, and unpickling runs code in the reader."""
    with pytest.raises(VersionNotFound):
        deploy("loans", 9, "it is not there")
    assert not list((trained.state / "prefect" / "storage").glob("*"))


def test_a_run_goes_on_where_nothing_can_be_shown(trained, monkeypatch):
    def refuse(*_, **__):
        raise httpx.ConnectError("the server is down")

    monkeypatch.setattr("tasks.shown.create_table_artifact", refuse)
    drop(trained, "tuesday.csv", 2000, seed=2)
    assert ingest("loans", return_state=True).name == "Completed"


def test_events_wait_while_the_server_is_down_and_go_when_it_is_back(loans, monkeypatch):
    from tasks import events

    file = drop(loans, "monday.csv", 400, seed=1)
    from tenure import intake

    intake.receive("loans", str(file), loans, actor="system:watcher")
    with monkeypatch.context() as broken:
        broken.setattr(events, "get_client", _unreachable)
        assert events.tell(loans) == 0
    assert len(open_ledger(loans).unsent()) == 1
    assert events.tell(loans) == 1
    assert open_ledger(loans).unsent() == []


def _unreachable(**_):
    raise httpx.ConnectError("the server is down")
