"""Probes that speak the gRPC health protocol are answered, byte for byte as it is laid down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


@pytest.fixture(scope="module")
def channel(called: str) -> Iterator[Any]:
    with grpc.insecure_channel(called) as opened:
        yield opened


def check(channel: Any, service: bytes | None, method: str = "Check") -> bytes:
    """Call the protocol's method with a request as the wire has it: field 1, a text."""
    request = b"" if service is None else b"\x0a" + bytes([len(service)]) + service
    return channel.unary_unary(f"/grpc.health.v1.Health/{method}")(request, timeout=60)


@pytest.mark.parametrize(
    "service",
    [None, b"", b"readiness", b"liveness", b"inference.GRPCInferenceService"],
)
def test_a_server_with_every_champion_in_memory_is_serving(
    channel: Any, service: bytes | None
) -> None:
    assert check(channel, service) == SERVING


@pytest.mark.parametrize(
    ("service", "method", "status"),
    [
        (b"fraud", "Check", grpc.StatusCode.NOT_FOUND),
        (b"\xff\xfe", "Check", grpc.StatusCode.INVALID_ARGUMENT),
        (b"", "Watch", grpc.StatusCode.UNIMPLEMENTED),
    ],
)
def test_what_is_not_known_has_a_status_of_its_own(
    channel: Any, service: bytes, method: str, status: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        check(channel, service, method)
    assert refused.value.code() is status  # type: ignore[attr-defined]
