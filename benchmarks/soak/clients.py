"""Who asks in a soak, and is every answer the right one?

Each client keeps a connection and asks by one of the doors; some send what no client should. An
answer is right if its prediction is the one that its version gives offline. A request on a
connection that a killed worker held is asked again, as a balancer does; only a second failure
counts.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from benchmarks.soak.stage import Asked

_BAD = (
    (b'{"instances": []}', 422),
    (b'{"instances": [{"n0": NaN}]}', 422),
    (b'{"instances": [' + b"[" * 5000, 422),
    (b'{"instances": [{"n0": ' + b"9" * 5000 + b"}]}", 422),
    (b"not json", 422),
)
_CLOSE = 1e-9
AGAIN = "asked again, its worker was gone"


@dataclass(frozen=True, slots=True)
class Given:
    """When a prediction was asked for and read (seconds since 1970), and at which port of ours."""

    begun: float
    at: float
    port: int


@dataclass
class Counts:
    """What the clients saw.

    Attributes:
        answered: the ids of answered predictions.
        epochs: by model, each answer's epoch, when its request was begun, and when it was read.
        named: which version answered at which epoch of which model.
        repeated: the ids that were sent again: their first answer may be in the log as well.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    answered: dict[str, Given] = field(default_factory=dict)
    epochs: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)
    named: set[tuple[str, int, int]] = field(default_factory=set)
    repeated: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


class Client:
    """One keep-alive connection.

    Attributes:
        begun: when the last request was sent (seconds since 1970).
        own_port: this end of the connection that it went by.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.begun, self.own_port = 0.0, 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Send one POST and return status and body."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            self.own_port = self._writer.get_extra_info("sockname")[1]
        reader, writer = self._reader, self._writer
        assert reader is not None
        self.begun = time.time()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answered = await reader.readuntil(b"\r\n\r\n")
        lines = answered.decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        content = await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self.leave()
        return int(lines[0].split(" ")[1]), content

    def leave(self) -> None:
        """Close the connection, whatever is on its way."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


async def ask_on(port: int, asked: list[Asked], counts: Counts, until: float, seed: int) -> None:
    """Ask until a time on the monotonic clock."""
    draw = random.Random(seed)
    client = Client(port)
    number = 0
    while time.monotonic() < until:
        number += 1
        kind = draw.choices(("v1", "v2", "bad", "leave"), (45, 45, 8, 2))[0]
        model = draw.choice(asked)
        row = draw.randrange(len(model.rows))
        match kind:
            case "bad":
                await _ask_badly(client, model, counts, draw)
            case "leave":
                await _leave_early(client, model, row, f"left{seed}-{number}", counts)
            case _:
                name = f"s{seed}-{number}"
                await _ask(client, model, row, kind, name, counts)
        if draw.random() < 0.3:
            await asyncio.sleep(draw.random() * 0.02)
    client.leave()


async def _ask(
    client: Client, model: Asked, row: int, kind: str, name: str, counts: Counts
) -> None:
    path, body = _v1(model, row, name) if kind == "v1" else _v2(model, row, name)
    again = counts.kinds[AGAIN]
    answer = await _patiently(client, path, body, counts)
    if counts.kinds[AGAIN] > again:
        counts.repeated.add(name)
    if answer is None:
        return
    status, content = answer
    if status == 503:
        counts.kinds["told to come again (503)"] += 1
        return
    if status != 200:
        counts.kinds[f"FAILED with {status}"] += 1
        counts.wrong.append(f"{kind} of {model.model}: {status} {content[:200]!r}")
        return
    told = json.loads(content)
    version, epoch, share, ident = (_of_v1 if kind == "v1" else _of_v2)(told)
    counts.kinds["answered"] += 1
    counts.answered[ident] = given = Given(client.begun, time.time(), client.own_port)
    counts.epochs.setdefault(model.model, []).append((epoch, given.begun, given.at))
    counts.named.add((model.model, epoch, version))
    if abs(model.right[version][row] - share) > _CLOSE:
        counts.kinds["WRONG"] += 1
        counts.wrong.append(f"{kind} of {model.model}: version {version}, row {row}")


async def _patiently(
    client: Client, path: str, body: bytes, counts: Counts
) -> tuple[int, bytes] | None:
    for attempt in range(20):
        try:
            return await client.ask(path, body)
        except (OSError, asyncio.IncompleteReadError):
            client.leave()
            counts.kinds[AGAIN] += 1
            await asyncio.sleep(0.02 * attempt)
    counts.kinds["FAILED, nobody answers"] += 1
    return None


async def _ask_badly(client: Client, model: Asked, counts: Counts, draw: random.Random) -> None:
    body, wanted = draw.choice(_BAD)
    answer = await _patiently(client, f"/v1/models/{model.model}:predict", body, counts)
    if answer is not None and answer[0] != wanted:
        counts.kinds[f"WRONG, bad input got {answer[0]}"] += 1
        counts.wrong.append(f"bad input {body[:40]!r}: {answer[0]} {answer[1][:200]!r}")
    else:
        counts.kinds["bad input refused"] += 1


async def _leave_early(client: Client, model: Asked, row: int, name: str, counts: Counts) -> None:
    path, body = _v1(model, row, name)
    try:
        await asyncio.wait_for(client.ask(path, body), 0.0005)
    except (TimeoutError, OSError, asyncio.IncompleteReadError):
        counts.kinds["left before the answer"] += 1
    client.leave()


def _v1(model: Asked, row: int, name: str) -> tuple[str, bytes]:
    body = {"instances": [model.rows[row]], "ids": [name]}
    return f"/v1/models/{model.model}:predict", json.dumps(body).encode()


def _of_v1(told: dict[str, Any]) -> tuple[int, int, float, str]:
    return told["version"], told["epoch"], told["probabilities"][0][1], told["ids"][0]


def _v2(model: Asked, row: int, name: str) -> tuple[str, bytes]:
    tensors = [
        {
            "name": column,
            "shape": [1],
            "datatype": "BYTES" if isinstance(value, str) else "FP64",
            "data": [value],
        }
        for column, value in model.rows[row].items()
    ]
    body = {"id": name, "inputs": tensors, "outputs": [{"name": "predict_proba"}]}
    return f"/v2/models/{model.model}/infer", json.dumps(body).encode()


def _of_v2(told: dict[str, Any]) -> tuple[int, int, float, str]:
    [output] = told["outputs"]
    version, epoch = int(told["model_version"]), told["parameters"]["epoch"]
    return version, epoch, output["data"][1], told["id"]
