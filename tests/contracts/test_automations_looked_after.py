"""An automation that somebody deleted or disabled is named; only a person enables one again."""

from __future__ import annotations

from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import AutomationCore

from deployments.automations import wanted
from deployments.build import VERBS
from deployments.sync import sync
from tasks import events, silence, watchdog
from tasks.automations import RETIRE
from tenure.cli.automations import GONE, OFF, expected, look_after
from tenure.cli.status import status
from tenure.registry import open_ledger
from tenure.spec import load_all
from tests.flows.conftest import api, case, loans
from tests.servers import eventually

__all__ = ["api", "loans"]


@pytest.fixture
def synced(loans, api, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", api)
    sync(loans)
    return loans


def troubles(workspace):
    return {one.automation: one.trouble for one in look_after(workspace)}


def by_name(name):
    with get_client(sync_client=True) as client:
        (found,) = client.read_automations_by_name(name)
        return found


def as_new(one):
    return AutomationCore.model_validate(one.model_dump(exclude={"id"}))


def test_what_is_expected_is_what_a_sync_makes(loans):
    specs, ids = load_all(loans), {verb: uuid4() for verb in VERBS}
    for some in ([], specs):
        assert expected(some) == {one.name for one in wanted(some, ids)}


def test_one_that_is_disabled_or_gone_is_named_until_somebody_acts(synced):
    assert troubles(synced) == {}
    ingest, zombies = by_name("tenure-ingest"), by_name("tenure-crash-zombies")
    with get_client(sync_client=True) as client:
        client.pause_automation(ingest.id)
        client.delete_automation(zombies.id)
    assert troubles(synced) == {"tenure-ingest": OFF, "tenure-crash-zombies": GONE}
    found = status(workspace=synced.root, project=synced.project)
    assert {one.automation for one in found.automations} == {ingest.name, zombies.name}
    sync(synced)
    assert troubles(synced) == {"tenure-ingest": OFF}
    with get_client(sync_client=True) as client:
        client.resume_automation(ingest.id)
    assert troubles(synced) == {}


def test_two_that_started_at_the_same_time_leave_one_of_each_and_it_stays_disabled(synced):
    with get_client(sync_client=True) as client:
        doubles = [by_name("tenure-retire"), by_name("tenure-train")]
        made = [client.create_automation(as_new(one)) for one in doubles]
        client.pause_automation(made[-1])
        said = sync(synced).changes
        try:
            assert sorted(said) == [
                f"automation {one.name}: a second one removed" for one in doubles
            ]
            assert troubles(synced) == {"tenure-train": OFF}
            assert sync(synced).changes == ()
        finally:
            client.resume_automation(by_name("tenure-train").id)


def test_reconcile_warns_by_an_event_once(synced, api):
    halt = by_name("tenure-halt")
    with get_client(sync_client=True) as client:
        client.pause_automation(halt.id)
        for _ in range(2):
            (line,) = watchdog.look.fn("", synced)
            assert line["because of"] == "tenure-halt"
        client.resume_automation(halt.id)
        only = {"event": {"name": [watchdog.WARNING]}}
        found = eventually(
            lambda: client.request("POST", "/events/filter", json={"filter": only}).json()["events"]
        )
    assert [one["payload"]["automation"] for one in found] == ["tenure-halt"]
    assert "disabled" in found[0]["payload"]["reason"]


def test_a_run_of_an_automation_ends_its_silence(synced, monkeypatch):
    monkeypatch.setattr(silence, "TIMES", 1)
    ledger, wanted = open_ledger(synced), case()
    ledger.open_case(wanted, actor=wanted.opened_by, evidence="readings")
    (row,) = [row for row in ledger.unsent() if row.kind == "case_opened"]
    ledger.mark_sent([row.seq])
    silence.made_up_for(RETIRE, "loans", synced)
    assert "1 runs" in silence.silent(synced)[RETIRE]
    with get_client(sync_client=True) as client:
        client.request("POST", "/events", json=[events.as_event(row)])
    eventually(lambda: silence.silent(synced) == {})
    assert silence.counted(RETIRE, synced) == 0


def test_without_a_server_nothing_is_said_of_them(loans, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert look_after(loans) is None
    assert status(workspace=loans.root, project=loans.project).automations is None
