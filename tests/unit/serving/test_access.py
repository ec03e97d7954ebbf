from __future__ import annotations

import os
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tenure.errors import KeyFileBroken, NoSuchKey, OpenToAll
from tenure.serving.access import Access, Failures, check_bind
from tenure.serving.keys import Role, add_key, key_file, read_keys, revoke_key
from tenure.serving.problems import Problem
from tenure.workspace import Workspace, open_workspace

ACTOR = "person:ann"
PREDICT = "/v1/models/fraud:predict"


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    (tmp_path / "config" / "models").mkdir(parents=True)
    return open_workspace(tmp_path, project=Path(__file__).parents[3])


def made(
    place: Workspace, *roles: Role, models: tuple[str, ...] | None = None, **more: Any
) -> tuple[str, str]:
    key, text = add_key(place, "a client", roles=roles, models=models, actor=ACTOR, **more)
    return key.id, text


def bearer(text: str) -> dict[bytes, bytes]:
    return {b"authorization": b"Bearer " + text.encode()}


def asked(access: Access, path: str = PREDICT, text: str | None = None, **more: Any) -> int:
    """The status that a request would be refused with, 200 if it is let in."""
    headers = {} if text is None else bearer(text)
    try:
        access.admit(more.get("method", "POST"), path, more.get("query", b""), headers, "10.0.0.1")
    except Problem as problem:
        return problem.status
    return 200


def test_without_a_key_everybody_of_this_machine_may_do_everything(place: Workspace) -> None:
    assert [asked(Access(place), path) for path in (PREDICT, "/pages/index.html")] == [200, 200]


def test_a_key_opens_what_it_is_for_and_nothing_else(place: Workspace) -> None:
    _, predict = made(place, Role.PREDICT, models=("fraud",))
    _, test = made(place, Role.TEST)
    _, feedback = made(place, Role.FEEDBACK)
    _, admin = made(place, Role.ADMIN)
    access = Access(place)
    addresses = (
        PREDICT,
        "/v2/models/fraud/infer",
        "/v2/models/price/infer",
        "/v1/models/fraud:feedback",
        "/pages/index.html",
        "/nobody/thought/of/this",
    )
    found = {
        name: [asked(access, path, text) for path in addresses]
        for name, text in {
            "predict": predict,
            "test": test,
            "feedback": feedback,
            "admin": admin,
        }.items()
    }
    assert found == {
        "predict": [200, 200, 403, 403, 403, 403],
        "test": [200, 200, 200, 403, 403, 403],
        "feedback": [403, 403, 403, 200, 403, 403],
        "admin": [403, 403, 403, 403, 200, 200],
    }
    assert access.check(bearer(test), "fraud", Role.TEST).name == "a client"
    with pytest.raises(Problem) as refused:
        access.check(bearer(predict), "fraud", Role.TEST)
    assert refused.value.code == "wrong-role"


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/v2/health/ready"])
def test_probes_need_no_key(place: Workspace, path: str) -> None:
    made(place, Role.PREDICT)
    assert asked(Access(place), path) == 200
    assert asked(Access(place), f"{path}/x") == 401


def test_missing_invalid_expired_and_revoked_keys_are_refused(place: Workspace) -> None:
    key, text = made(place, Role.PREDICT)
    _, late = made(place, Role.PREDICT, expires_at=datetime.now(UTC) + timedelta(days=1))
    access = Access(place)
    assert [asked(access, text=each) for each in (text, late)] == [200, 200]
    tomorrow = Access(place, now=lambda: datetime.now(UTC) + timedelta(days=2))
    assert [asked(tomorrow, text=each) for each in (text, late)] == [200, 401]
    wrong = [None, "", "x", text[:-1], text[:-1] + ("A" if text[-1] != "A" else "B"), "\xff" * 99]
    assert [asked(access, text=each) for each in wrong] == [401] * len(wrong)
    revoke_key(place, key)
    access.look()
    assert asked(access, text=text) == 401


def test_a_key_in_an_address_is_refused_even_where_none_is_wanted(place: Workspace) -> None:
    assert asked(Access(place), query=b"api_key=x") == 400
    assert asked(Access(place), query=b"a=1&token=x") == 400
    _, text = made(place, Role.PREDICT)
    assert asked(Access(place), query=b"q=" + text.encode(), text=text) == 400
    assert asked(Access(place), query=b"monkey=x", text=text) == 200


def test_many_bad_keys_read_429_and_the_good_one_beside_them_is_let_in(place: Workspace) -> None:
    _, text = made(place, Role.PREDICT)
    now = [0.0]
    failures = Failures(most=20, within_s=60, addresses=8, clock=lambda: now[0])
    access = Access(place, failures=failures)
    found = [asked(access, text=f"guess {count}") for count in range(1000)]
    assert found == [401] * 20 + [429] * 980
    assert asked(access, text=text) == 200
    now[0] = 61.0
    assert asked(access, text="guess") == 401
    for count in range(1000):
        failures.add(f"10.0.{count // 250}.{count % 250}")
    assert len(failures) == 8
    for count in range(100):
        failures.add(f"2001:db8::{count:x}")
    assert failures.add("2001:db8::ffff") > 0, "addresses of one network count as one"


def test_a_refusal_names_no_key_and_says_how_one_is_sent(place: Workspace) -> None:
    made(place, Role.PREDICT)
    with pytest.raises(Problem) as refused:
        Access(place).check(bearer("tenure_secret"), "fraud", Role.PREDICT)
    assert b"secret" not in refused.value.body()
    assert (b"www-authenticate", b'Bearer realm="tenure"') in refused.value.headers


def test_a_browser_may_look_at_pages_with_the_key_as_password_and_do_no_more(
    place: Workspace,
) -> None:
    _, text = made(place, Role.ADMIN, Role.PREDICT)
    access = Access(place)
    basic = {b"authorization": b"Basic " + b64encode(f"ann:{text}".encode())}
    assert access.admit("GET", "/pages/index.html", b"", basic, "").name == "a client"
    for method, path in (("POST", PREDICT), ("GET", "/v1/models"), ("POST", "/pages/x")):
        with pytest.raises(Problem) as refused:
            access.admit(method, path, b"", basic, "")
        assert refused.value.status == 401


def test_the_file_holds_no_key_and_only_its_owner_may_read_it(place: Workspace) -> None:
    _, text = made(place, Role.PREDICT)
    file = key_file(place)
    assert file.stat().st_mode & 0o777 == 0o600
    assert text.encode() not in file.read_bytes()
    assert text.rpartition("_")[2].encode() not in file.read_bytes()
    file.chmod(0o644)
    with pytest.raises(KeyFileBroken, match="chmod 600"):
        read_keys(place)


def test_keys_are_followed_and_a_broken_or_deleted_file_opens_nothing(place: Workspace) -> None:
    access = Access(place)
    assert asked(access) == 200
    _, text = made(place, Role.PREDICT)
    access.look()
    assert (asked(access), asked(access, text=text)) == (401, 200)
    file = key_file(place)
    kept = file.read_bytes()
    file.write_bytes(b"{")
    access.look()
    assert (asked(access), asked(access, text=text)) == (401, 200)
    assert access.trouble is not None
    file.write_bytes(kept)
    access.look()
    assert access.trouble is None
    os.unlink(file)
    access.look()
    assert (asked(access), asked(access, text=text)) == (401, 401)


def test_a_server_that_others_reach_wants_a_key_or_an_express_word(place: Workspace) -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        check_bind(host, Access(place), is_open=False)
    with pytest.raises(OpenToAll, match="tenure key add"):
        check_bind("0.0.0.0", Access(place), is_open=False)
    check_bind("0.0.0.0", Access(place), is_open=True)
    made(place, Role.PREDICT)
    check_bind("0.0.0.0", Access(place), is_open=False)


def test_an_unknown_key_cannot_be_revoked(place: Workspace) -> None:
    with pytest.raises(NoSuchKey):
        revoke_key(place, "0" * 12)
