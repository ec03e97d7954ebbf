"""Who started a run is read from the run; a name that came with it is never more than claimed."""

from contextlib import contextmanager

import pytest
from prefect.client.schemas.objects import CreatedBy, FlowRun

from tasks import runs
from tenure.registry import open_ledger


@contextmanager
def inside(monkeypatch, **facts):
    facts = {"tags": [], "parameters": {}, "auto_scheduled": False, "created_by": None} | facts
    run = FlowRun.model_construct(id="run", **facts)
    with monkeypatch.context() as patched:
        patched.setattr(runs, "_run", lambda: run)
        yield


AUTOMATION = CreatedBy.model_construct(type="AUTOMATION", display_value="tenure-train")


@pytest.mark.parametrize(
    ("facts", "actor"),
    [
        ({"auto_scheduled": True, "parameters": {"model": "fraud"}}, "schedule:fraud"),
        ({"auto_scheduled": True}, "schedule:every-minute"),
        ({"created_by": AUTOMATION}, "automation:tenure-train"),
        ({"tags": ["by:claimed:ann", "model:fraud"]}, "claimed:ann"),
        ({"tags": ["by:system:reconcile"]}, "system:reconcile"),
        ({"tags": ["by:person:ann"]}, "claimed:prefect"),
        ({}, "claimed:prefect"),
    ],
)
def test_an_actor_is_read_from_the_run(monkeypatch, facts, actor):
    with inside(monkeypatch, **facts):
        assert runs.actor() == actor


def test_outside_of_a_run_nobody_is_claimed_to_be_somebody():
    assert runs.actor() == "claimed:python"


def test_one_run_of_a_verb_and_model_works_at_a_time(workspace):
    with runs.alone("train", "fraud", workspace) as first:
        assert first is not None
        with runs.alone("train", "fraud", workspace) as second:
            assert second is None
        with runs.alone("train", "iris", workspace) as other:
            assert other is not None
    with runs.alone("train", "fraud", workspace) as later:
        assert later.token > first.token


def test_a_lease_is_kept_while_the_work_goes_on(workspace, monkeypatch):
    monkeypatch.setattr(runs, "LEASE_S", 0.6)
    with runs.alone("train", "fraud", workspace) as lease:
        deadline = lease.ends_at
        ledger = open_ledger(workspace)
        while ledger.renew_lease(lease, ttl_s=0.6).ends_at <= deadline:
            pass
        assert ledger.acquire_lease("train:fraud", holder="run:another", ttl_s=1) is None


def test_a_lease_that_is_held_is_waited_for(workspace, monkeypatch):
    monkeypatch.setattr(runs, "POLL_S", 0.02)
    open_ledger(workspace).acquire_lease("ingest:fraud", holder="run:killed", ttl_s=0.2)
    with runs.alone("ingest", "fraud", workspace, wait_s=30) as lease:
        assert lease is not None
