"""Does the lease of a run that was killed keep anybody away?"""

from uuid import uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import Completed, Crashed, Failed, Running

from tasks import runs
from tenure.errors import LeaseLost
from tenure.registry import open_ledger

NAME = "train:loans"


@flow(name="a flow that a test needs")
def nothing():
    """Do nothing; runs of it are made in the state that a test wants."""


def held_by(workspace, state):
    """Let a run in this state hold the lease on training; return that."""
    with get_client(sync_client=True) as client:
        run = client.create_flow_run(nothing, state=state)
    return open_ledger(workspace).acquire_lease(NAME, holder=f"run:{run.id}", ttl_s=60)


@pytest.mark.parametrize("state", [Crashed(), Failed(), Completed()])
def test_the_lease_of_a_run_that_is_over_is_ended(loans, state):
    dead = held_by(loans, state)
    with runs.alone("train", "loans", loans) as lease:
        assert lease is not None
        assert lease.token > dead.token
        with pytest.raises(LeaseLost):
            open_ledger(loans).renew_lease(dead, ttl_s=60)


def test_the_lease_of_a_run_at_work_is_left_alone(loans):
    at_work = held_by(loans, Running())
    with runs.alone("train", "loans", loans) as lease:
        assert lease is None
    assert open_ledger(loans).lease(NAME) == at_work


def test_a_run_that_the_server_does_not_know_is_not_taken_for_dead(loans):
    open_ledger(loans).acquire_lease(NAME, holder=f"run:{uuid4()}", ttl_s=60)
    with runs.alone("train", "loans", loans) as lease:
        assert lease is None


def test_without_a_server_a_lease_ends_by_itself(loans, monkeypatch):
    held_by(loans, Crashed())
    monkeypatch.setattr(runs, "get_client", unreachable)
    with runs.alone("train", "loans", loans) as lease:
        assert lease is None


def unreachable(**_):
    import httpx

    raise httpx.ConnectError("nobody answers")


def test_who_holds_a_lease_is_told_while_it_holds(loans):
    ledger = open_ledger(loans)
    assert ledger.lease(NAME) is None
    lease = ledger.acquire_lease(NAME, holder="run:a", ttl_s=60)
    assert ledger.lease(NAME) == lease
    ledger.release_lease(lease)
    assert ledger.lease(NAME) is None
    ledger.acquire_lease(NAME, holder="run:b", ttl_s=0)
    assert ledger.lease(NAME) is None
