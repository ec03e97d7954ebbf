"""A probe reads whether calls should come: not before every champion is there, nor at the end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from tenure.serving import build_app
from tenure.serving.grpc.health import NOT_SERVING, SERVING, Health, HealthCheckResponse
from tenure.workspace import Workspace


def asked(health: Health, service: bytes) -> int:
    """Ask as a gRPC server does that found the method by its name."""
    details: Any = SimpleNamespace(method="/grpc.health.v1.Health/Check", invocation_metadata=())
    method = health.handler().service(details)
    request = b"\x0a" + bytes([len(service)]) + service
    return HealthCheckResponse.FromString(asyncio.run(method.unary_unary(request, None))).status


def test_ready_from_the_first_champion_until_it_stops_and_live_throughout(
    living: Workspace,
) -> None:
    app = build_app(living)
    health = Health(app)
    said = [(asked(health, b""), asked(health, b"liveness"))]
    app.core.router.look()
    said.append((asked(health, b""), asked(health, b"liveness")))
    app.core.is_draining = True
    said.append((asked(health, b""), asked(health, b"liveness")))
    app.core.close()
    assert said == [(NOT_SERVING, SERVING), (SERVING, SERVING), (NOT_SERVING, SERVING)]
