"""What a person does by command is told to Prefect by whoever watches."""

from __future__ import annotations

import threading

import httpx

from deployments import watch
from tasks import events
from tenure.registry import open_ledger
from tests.servers import eventually


def test_what_others_put_on_record_is_sent_and_what_cannot_be_sent_waits(workspace, monkeypatch):
    ledger, taken, down = open_ledger(workspace), [], threading.Event()

    class Server:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def request(self, _method, _path, json):
            if down.is_set():
                raise httpx.ConnectError("the server is down")
            taken.extend(json)

    monkeypatch.setattr(watch, "OUTBOX_S", 0.01)
    monkeypatch.setattr(events, "get_client", lambda **_: Server())
    down.set()
    ledger.halt("fraud", actor="person:ann", reason="the feed is looked at")
    stop = threading.Event()
    teller = threading.Thread(target=watch.tell_others, args=(workspace, stop))
    teller.start()
    try:
        eventually(lambda: ledger.unsent(), every_s=0.01)
        down.clear()
        eventually(lambda: not ledger.unsent(), every_s=0.01)
    finally:
        stop.set()
        teller.join()
    assert {one["event"] for one in taken} == {"tenure.automation_halted"}
