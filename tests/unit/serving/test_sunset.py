"""Who asks for a version that is on its way out reads so, until when, and who follows."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from tenure.records import Action, Approval, Case, CaseState, Cause, digest_of
from tenure.registry import open_ledger
from tenure.serving import build_app
from tenure.serving.application import Application
from tenure.serving.limits import Limits
from tenure.workspace import Workspace
from tests.faults.serving_processes import connected, threaded
from tests.unit.serving import lives
from tests.unit.serving.test_oip_infer import tensors
from tests.unit.serving.test_slots import start

OPENED = datetime(2026, 11, 21, 12, tzinfo=UTC)
APPROVED = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENDS = datetime(2026, 12, 1, 12, tzinfo=UTC)
NUMBERED = "/v1/models/price/versions/1"
SAID = ("deprecation", "sunset", "link")


@pytest.fixture
def app(living: Workspace) -> Application:
    made = build_app(living)
    made.core.router.look()
    return made


def opened(workspace: Workspace, **changed: Any) -> Case:
    """Open a case against the champion of `price`, as a decision that wants an approval does."""
    how: dict[str, Any] = {
        "action": Action.RETIRE,
        "on_timeout": "retire",
        "successor": None,
        "cause": Cause.DRIFT,
        **changed,
    }
    case = Case(
        id=digest_of([how["on_timeout"], how["action"].value]),
        model="price",
        version=1,
        epoch=1,
        reason="It drifted.",
        state=CaseState.WAITING,
        opened_by="automation:test",
        opened_at=OPENED,
        approvals_wanted=1,
        deadline_at=ENDS,
        **how,
    )
    return open_ledger(workspace).open_case(case, actor="automation:test", evidence="a reading")


def answer(workspace: Workspace, case: Case, *, approved: bool) -> None:
    word = Approval(by="person:ann", approved=approved, reason="I looked at it.", at=APPROVED)
    open_ledger(workspace).answer_case(case.id, word)


def asked(app: Application, address: str) -> httpx.Response:
    async def go() -> httpx.Response:
        async with lives.client_of(app) as client:
            if address.endswith(":predict"):
                return await client.post(address, json={"instances": [lives.ROW]})
            if address.endswith("/infer"):
                return await client.post(address, json={"inputs": tensors(lives.ROW)})
            return await client.get(address)

    found = asyncio.run(go())
    assert found.status_code == 200, found.text
    return found


def told(app: Application, address: str) -> list[str | None]:
    headers = asked(app, address).headers
    return [headers.get(name) for name in SAID]


def test_a_version_that_goes_at_a_deadline_says_when_and_where_to_go(
    app: Application, living: Workspace
) -> None:
    assert told(app, f"{NUMBERED}:predict") == [None, None, None]
    opened(living)
    app.core.router.look()
    link = '</v1/models/price:predict>; rel="successor-version"'
    wanted = [f"@{int(OPENED.timestamp())}", "Tue, 01 Dec 2026 12:00:00 GMT", link]
    assert told(app, f"{NUMBERED}:predict") == wanted
    assert told(app, NUMBERED) == wanted
    wanted[-1] = '</v2/models/price/infer>; rel="successor-version"'
    in_v2 = "/v2/models/price/versions/1"
    assert [told(app, f"{in_v2}/infer"), told(app, in_v2)] == [wanted] * 2
    end = {"since": OPENED.isoformat(), "sunset": ENDS.isoformat(), "successor": None}
    assert asked(app, NUMBERED).json()["deprecated"] == end
    assert asked(app, in_v2).json()["parameters"]["deprecated"] == end


@pytest.mark.parametrize(
    ("route", "body"),
    [
        (f"{NUMBERED}:predict", {"instances": [lives.ROW]}),
        ("/v2/models/price/versions/1/infer", {"inputs": tensors(lives.ROW)}),
    ],
)
def test_it_is_said_to_a_client_that_asks_the_same_again_and_again(
    living: Workspace, route: str, body: dict[str, Any]
) -> None:
    """A head that is known, and a body in one piece with it, are answered by a shorter way."""
    opened(living)
    content = orjson.dumps(body)
    head = f"POST {route} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    head += f"content-length: {len(content)}\r\n\r\n"
    with threaded(living, Limits()) as address, connected(address) as sock:
        for _ in range(4):
            sock.sendall(head.encode() + content)
            said = b""
            while not said.endswith(b"}"):
                said += sock.recv(65_536)
            assert said.startswith(b"HTTP/1.1 200 ")
            assert b"sunset: Tue, 01 Dec 2026 12:00:00 GMT\r\n" in said


def test_the_model_s_own_address_goes_on_and_so_do_other_models(
    app: Application, living: Workspace
) -> None:
    opened(living)
    app.core.router.look()
    for address in (
        "/v1/models/price:predict",
        "/v2/models/price/infer",
        "/v1/models/fraud/versions/1:predict",
        "/v2/models/fraud/versions/1/infer",
    ):
        assert told(app, address) == [None, None, None]


@pytest.mark.parametrize(
    "undecided", [{"on_timeout": "keep"}, {"action": Action.RETRAIN}, {"action": Action.PROMOTE}]
)
def test_what_nobody_has_decided_says_nothing(
    app: Application, living: Workspace, undecided: dict[str, Any]
) -> None:
    opened(living, **undecided)
    app.core.router.look()
    assert told(app, f"{NUMBERED}:predict") == [None, None, None]
    assert "deprecated" not in asked(app, NUMBERED).json()


def test_an_approved_retirement_counts_from_its_approval_and_has_no_date(
    app: Application, living: Workspace
) -> None:
    answer(living, opened(living, on_timeout="keep", successor=2), approved=True)
    app.core.router.look()
    since = f"@{int(APPROVED.timestamp())}"
    link = '</v1/models/price:predict>; rel="successor-version"'
    assert told(app, f"{NUMBERED}:predict") == [since, None, link]
    start(living, 0.1)
    app.core.router.look()
    link = '</v1/models/price/versions/2:predict>; rel="successor-version"'
    assert told(app, f"{NUMBERED}:predict") == [since, None, link]
    assert told(app, "/v1/models/price/versions/2:predict") == [None, None, None]


def test_it_is_known_from_the_last_look_and_taken_back_by_the_next(
    app: Application, living: Workspace
) -> None:
    case = opened(living)
    app.core.router.look()
    answer(living, case, approved=False)
    assert told(app, f"{NUMBERED}:predict")[0] is not None
    app.core.router.look()
    assert told(app, f"{NUMBERED}:predict") == [None, None, None]
