"""Does a notice reach whom it is for, and nobody inside the network?"""

from __future__ import annotations

import pytest

from tenure.notices import Address, Notice, Tone, send
from tenure.notices.outside import is_public
from tests.unit.notices.receivers import Receiver

NOTICE = Notice(title="fraud: a title", body="a line\nanother line", tone=Tone.WARNING)


def test_a_notice_arrives_as_it_was_written(receiver: Receiver) -> None:
    told = send(NOTICE, [Address(name="HOOK", url=receiver.url)], allow_hosts=["127.0.0.1"])
    assert [(each.to, each.why) for each in told] == [("HOOK", "")]
    (got,) = receiver.arrived
    assert (got["title"], got["message"]) == (NOTICE.title, NOTICE.body)
    assert got["type"] == "warning"


def test_a_host_that_is_named_by_its_name_is_reached(receiver: Receiver) -> None:
    url = f"json://localhost:{receiver.port}/"
    told = send(NOTICE, [Address(name="HOOK", url=url)], allow_hosts=["localhost"])
    assert [each.why for each in told] == [""]
    assert len(receiver.arrived) == 1


def test_nothing_inside_the_network_is_told_unless_it_is_named(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{receiver.port}")
    port = receiver.port
    hosts = ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "[::]"]
    urls = [f"json://{host}:{port}/" for host in hosts] + ["json://169.254.169.254/latest/"]
    addresses = [Address(name=f"HOOK_{n}", url=url) for n, url in enumerate(urls)]
    told = send(NOTICE, addresses, allow_hosts=["192.0.2.1"])
    assert len(told) == len(urls)
    assert all("was not told" in each.why for each in told)
    assert receiver.arrived == []
    assert "notify.allow_hosts does not name it" in told[0].why


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.status, receiver.location = 302, f"http://127.0.0.1:{receiver.port}/secret"
    told = send(NOTICE, [Address(name="HOOK", url=receiver.url)], allow_hosts=["127.0.0.1"])
    assert told[0].why == "HOOK was not told: the other side did not take it."
    assert [got.get("path") for got in receiver.arrived] == [None]


def test_what_fails_names_the_variable_and_never_the_address(receiver: Receiver) -> None:
    receiver.status = 500
    hook = f"json://user:s3cr3t@127.0.0.1:{receiver.port}/"
    wrong = [Address(name="HOOK", url=hook), Address(name="TYPO", url="no such thing s3cr3t")]
    told = send(NOTICE, wrong, allow_hosts=["127.0.0.1"])
    assert [each.why for each in told] == [
        "HOOK was not told: the other side did not take it.",
        "TYPO was not told: it holds no Apprise URL.",
    ]
    assert "s3cr3t" not in repr(told)


def test_one_bad_address_does_not_keep_the_others_from_knowing(receiver: Receiver) -> None:
    addresses = [
        Address(name="BAD", url="json://169.254.169.254/"),
        Address(name="GOOD", url=receiver.url),
    ]
    told = send(NOTICE, addresses, allow_hosts=["127.0.0.1"])
    assert [bool(each.why) for each in told] == [True, False]
    assert len(receiver.arrived) == 1


def test_a_sender_that_hangs_is_ended(receiver: Receiver) -> None:
    told = send(NOTICE, [Address(name="HOOK", url=receiver.url)], patience_s=0.01)
    assert told[0].why == "HOOK was not told: nobody answered within 0.01 s."


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
        ("/run/dbus/system_bus_socket", False),
        ("metadata.internal", False),
    ],
)
def test_which_addresses_are_the_internets(address: str, public: bool) -> None:
    assert is_public(address) is public
