"""The Python client against a real server process."""

from __future__ import annotations

import asyncio
import json
import threading
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from tenure.client import (
    AnswersNoMore,
    AsyncClient,
    Client,
    KeyRefused,
    NotServed,
    Override,
    RequestRefused,
    Retries,
    ServerUnavailable,
)
from tenure.predictions.feedback import LABEL, OVERRIDE, read_feedback
from tenure.serving import predict_offline
from tenure.serving.keys import Role, add_key
from tenure.workspace import Workspace
from tests.faults.serving_processes import Running, start
from tests.unit.serving import lives

AT_ONCE = Retries(tries=1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    with lives.copied(template, tmp_path_factory.mktemp("asked") / "a workspace") as workspace:
        yield workspace


@pytest.fixture(scope="module")
def key(place: Workspace) -> str:
    roles = [Role.PREDICT, Role.FEEDBACK]
    return add_key(place, "shop", roles=roles, models=("fraud", "price"), actor="person:ann")[1]


@pytest.fixture(scope="module")
def server(place: Workspace, key: str) -> Iterator[Running]:
    started = start(place, place.root / "server.log")
    yield started
    started.process.terminate()
    started.process.wait()


@pytest.fixture
def client(server: Running, key: str) -> Iterator[Client]:
    with Client(server.address, key=key) as made:
        yield made


def some(count: int) -> pd.DataFrame:
    frame = lives.frame(count)
    return frame.set_axis(pd.RangeIndex(100, 100 + count), axis=0)


@pytest.mark.parametrize("count", [1, 7, 700])
def test_a_frame_comes_back_with_its_index_as_the_version_itself_would_answer(
    client: Client, place: Workspace, count: int
) -> None:
    rows = some(count)
    found = client.predict("fraud", rows)
    offline = predict_offline("fraud", json.loads(rows.to_json(orient="records")), place)
    assert found.index.equals(rows.index)
    assert found["prediction"].tolist() == offline["predictions"]
    shares = found[["probability.fine", "probability.fraud"]].to_numpy()
    np.testing.assert_allclose(shares, np.array(offline["probabilities"]), rtol=0, atol=1e-9)
    assert found["id"].is_unique
    assert found.attrs == {"model": "fraud", "version": 1, "epoch": 1, "slot": "champion"}


def test_rows_and_numbers_come_back_too(client: Client) -> None:
    one = client.predict("price", lives.ROW, version=1)
    several = client.predict("price", [lives.ROW, lives.ROW], ids=["a", "b"])
    many = client.predict("price", some(200))
    assert list(one.columns) == list(many.columns) == ["id", "prediction"]
    assert several["id"].tolist() == ["a", "b"]
    assert several["prediction"].tolist() == one["prediction"].tolist() * 2
    assert many["prediction"].dtype == float


def test_missing_values_and_odd_types_go_over_as_they_are(client: Client) -> None:
    rows = some(200)
    rows["country"] = rows["country"].astype(object)
    rows.loc[rows.index[3], "country"] = None
    rows["items"] = rows["items"].astype("Int64")
    few, many = client.predict("fraud", rows.iloc[:10]), client.predict("fraud", rows)
    columns = ["prediction", "probability.fraud"]
    pd.testing.assert_frame_equal(few[columns], many.iloc[:10][columns], rtol=0, atol=1e-9)


def test_feedback_goes_back_by_id(client: Client, place: Workspace) -> None:
    found = client.predict("fraud", some(2))
    one, two = found["id"]
    taken = client.feedback(
        "fraud",
        labels={one: "fraud"},
        overrides=[Override(id=two, value="fine", by="ann", reason="Known customer.")],
    )
    assert (taken["labels"], taken["overrides"]) == (1, 1)
    said = [(each.kind, each.id) for _, each in read_feedback("fraud", place)]
    assert said == [(LABEL, one), (OVERRIDE, two)]


def test_what_is_wrong_is_raised_as_what_it_is(client: Client, server: Running) -> None:
    with pytest.raises(RequestRefused) as refused:
        client.predict("fraud", {**lives.ROW, "amount": "much"})
    assert refused.value.field == "/instances/0/amount"
    with pytest.raises(RequestRefused, match="amount"):
        client.predict("fraud", some(200).drop(columns="amount"))
    with pytest.raises(NotServed):
        client.predict("fraud", lives.ROW, version=99)
    with pytest.raises(KeyRefused, match="not for this model"):
        client.predict("nobody", lives.ROW)
    with Client(server.address, key="tenure_x") as stranger, pytest.raises(KeyRefused):
        stranger.models()
    with pytest.raises(KeyRefused):
        client.predict("a/b", lives.ROW)


def test_what_serves_and_whether_all_does(client: Client) -> None:
    assert client.ready()
    assert {each["model"] for each in client.models()} == {"fraud", "price"}
    with Client("http://127.0.0.1:1", retries=AT_ONCE) as nobody:
        assert not nobody.ready()


def test_many_may_ask_at_once(server: Running, key: str) -> None:
    async def ask() -> list[pd.DataFrame]:
        async with AsyncClient(server.address, key=key) as client:
            assert await client.ready()
            assert len(await client.models()) == 2
            found = await asyncio.gather(*(client.predict("fraud", some(9)) for _ in range(20)))
            many = await client.predict("fraud", some(300))
            label = {many["id"].iloc[0]: "fine"}
            assert (await client.feedback("fraud", labels=label))["labels"] == 1
            with pytest.raises(NotServed):
                await client.predict("fraud", lives.ROW, version=99)
            return found

    found = asyncio.run(ask())
    assert len({tuple(each["prediction"]) for each in found}) == 1
    assert len({name for each in found for name in each["id"]}) == 180


class Moody(HTTPServer):
    """A server that answers what it is told to, in turn; the last answer for ever."""

    def __init__(self, *answers: tuple[int, dict[str, str], bytes]) -> None:
        self.answers, self.asked = list(answers), 0
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Moody

    def do_GET(self) -> None:
        place = min(self.server.asked, len(self.server.answers) - 1)
        self.server.asked += 1
        status, headers, body = self.server.answers[place]
        if status == 0:
            self.close_connection = True
            return  # nothing is said: the connection breaks
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def moody() -> Iterator[Callable[..., Moody]]:
    made: list[Moody] = []

    def make(*answers: tuple[int, dict[str, str], bytes]) -> Moody:
        made.append(Moody(*answers))
        threading.Thread(target=made[-1].serve_forever, args=(0.01,), daemon=True).start()
        return made[-1]

    yield make
    for each in made:
        each.shutdown()
        each.server_close()


GOOD = (200, {}, b'{"models":[]}')
BUSY = (503, {}, b'{"detail":"busy"}')
QUICK = Retries(tries=4, first_s=0.001)


def test_what_passes_is_tried_again(moody: Callable[..., Moody]) -> None:
    for answers in ([BUSY, (0, {}, b""), BUSY, GOOD], [GOOD]):
        server = moody(*answers)
        with Client(server.address, retries=QUICK) as client:
            assert client.models() == []
        assert server.asked == len(answers)


def test_trying_ends(moody: Callable[..., Moody]) -> None:
    server = moody(BUSY)
    with Client(server.address, retries=QUICK) as client, pytest.raises(ServerUnavailable) as told:
        client.models()
    assert (server.asked, told.value.facts["tries"]) == (4, 4)
    with Client("http://127.0.0.1:1", retries=QUICK) as client, pytest.raises(ServerUnavailable):
        client.models()


def test_a_server_is_left_alone_for_as_long_as_it_says(
    moody: Callable[..., Moody], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("tenure.client.asking.time.sleep", waited.append)
    server = moody((503, {"Retry-After": "7"}, b"{}"), BUSY, GOOD)
    with Client(server.address, retries=QUICK) as client:
        client.models()
    assert waited[0] == 7
    assert 0 < waited[1] < 7
    long = moody((503, {"Retry-After": "3600"}, b"{}"), GOOD)
    with Client(long.address, retries=QUICK) as client, pytest.raises(ServerUnavailable):
        client.models()
    assert long.asked == 1, "nobody waits an hour"


@pytest.mark.parametrize("status", [400, 404, 410, 422, 500])
def test_what_stays_wrong_is_not_tried_again(moody: Callable[..., Moody], status: int) -> None:
    server = moody((status, {}, b'{"detail":"no"}'), GOOD)
    with Client(server.address, retries=QUICK) as client, pytest.raises(Exception, match="no"):
        client.models()
    assert server.asked == 1


def test_a_retired_version_names_its_successor(moody: Callable[..., Moody]) -> None:
    address = "/v1/models/fraud/versions/4:predict"
    by_body = b'{"detail":"Retired.","successor":{"version":4,"address":"%s"}}' % address.encode()
    link = {"Link": f'<{address}>; rel="successor-version"'}
    for answer in ((410, {}, by_body), (410, link, b'{"error":"Retired."}')):
        server = moody(answer)
        with Client(server.address) as client, pytest.raises(AnswersNoMore) as gone:
            client.models()
        assert gone.value.successor == address
    server = moody((410, {}, b'{"detail":"Retired.","successor":null}'))
    with Client(server.address) as client, pytest.raises(AnswersNoMore) as gone:
        client.models()
    assert gone.value.successor is None


def test_who_uses_a_version_on_its_way_out_is_warned(moody: Callable[..., Moody]) -> None:
    headers = {"Deprecation": "@1795262400", "Sunset": "Tue, 01 Dec 2026 12:00:00 GMT"}
    link = {"Link": '</v1/models/fraud:predict>; rel="successor-version"'}
    server = moody((200, {**headers, **link}, GOOD[2]), (200, {"Deprecation": "@1"}, GOOD[2]), GOOD)
    with Client(server.address) as client:
        with pytest.warns(
            FutureWarning, match=r"until Tue, 01 .* /v1/models/fraud:predict follows"
        ):
            assert client.models() == []
        with pytest.warns(FutureWarning, match=r"/v1/models is on its way out\.$"):
            client.models()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            client.models()


def test_an_answer_that_is_none_of_ours_is_still_an_error_of_ours(
    moody: Callable[..., Moody],
) -> None:
    server = moody((400, {}, b"<html>"))
    with Client(server.address) as client, pytest.raises(RequestRefused, match="status 400"):
        client.models()


def test_a_server_that_hangs_is_given_up(server: Running) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Client(url, timeout=0.05, retries=AT_ONCE) as client,
            pytest.raises(ServerUnavailable, match="ReadTimeout"),
        ):
            client.models()
    assert httpx.get(f"{server.address}/health/live").status_code == 200
