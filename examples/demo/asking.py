"""How does the demo ask the endpoint, and wait for what others do?"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from examples.demo.stage import NotAsPromised

WAIT_S = 150.0

T = TypeVar("T")


def requests_of(frame: Any) -> list[dict[str, Any]]:
    """Return rows of card payments as a client sends them."""
    apart = ["transaction", "at", "customer", "is_fraud"]
    return frame.drop(columns=apart).to_dict(orient="records")


def shares(answer: dict[str, Any]) -> list[float]:
    """Return the probability of fraud of each row."""
    return [float(row[-1]) for row in answer["probabilities"]]


def ask(model: str, rows: list[dict[str, Any]], endpoint: str) -> dict[str, Any]:
    """Ask the endpoint for predictions, as any client would."""
    url = f"{endpoint}/v1/models/{model}:predict"

    def asked() -> dict[str, Any] | None:
        body = {"instances": rows, "probabilities": True}
        reply = httpx.post(url, json=body, timeout=30)
        return reply.json() if reply.status_code == 200 else None

    return until(asked, f"an answer of {url}", limit_s=30)


def until(look: Callable[[], T | None], what: str, limit_s: float = WAIT_S) -> T:
    """Look until there is something, and return it."""
    patience = time.monotonic() + limit_s
    while not (found := look()):
        if time.monotonic() > patience:
            raise NotAsPromised(f"Waited {limit_s:.0f} s for {what}.")
        time.sleep(0.2)
    return found
