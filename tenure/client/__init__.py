"""Ask a prediction server from Python: pandas in and out.

    from tenure.client import Client

    with Client("http://127.0.0.1:8080", key=…) as server:
        answer = server.predict("fraud", frame)  # a frame with the rows' own index
        server.feedback("fraud", labels={answer["id"].iloc[0]: "fraud"})

`AsyncClient` is the same with `await`.
"""

from __future__ import annotations

from tenure.client.asking import AsyncClient, Client, Retries
from tenure.client.telling import Override
from tenure.errors import (
    AnswersNoMore,
    KeyRefused,
    NotServed,
    RequestRefused,
    ServerUnavailable,
)

__all__ = [
    "AnswersNoMore",
    "AsyncClient",
    "Client",
    "KeyRefused",
    "NotServed",
    "Override",
    "RequestRefused",
    "Retries",
    "ServerUnavailable",
]
