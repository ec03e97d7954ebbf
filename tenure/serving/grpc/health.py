"""How does a load balancer or Kubernetes learn by gRPC whether to send calls here?

`Check` of the gRPC health protocol (grpc.health.v1). `Watch` is not offered: a stream that is held
open takes the place of a call, and whoever may probe needs no key. Clients of the protocol take
UNIMPLEMENTED for that.
"""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from tenure.serving.application import Application
from tenure.serving.grpc import messages

HEALTH = "grpc.health.v1.Health"
SERVING, NOT_SERVING = 1, 2

LIVE = frozenset({"liveness", HEALTH})
"""What is asked for that holds while the process answers at all."""
READY = frozenset({"", "readiness", messages.SERVICE})
"""What is asked for that holds once every champion is in memory, until the server stops."""


def _messages() -> dict[str, Any]:
    of = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="health.proto", package="grpc.health.v1", syntax="proto3"
    )
    asked = file.message_type.add(name="HealthCheckRequest")
    asked.field.add(name="service", number=1, type=of.TYPE_STRING, label=of.LABEL_OPTIONAL)
    told = file.message_type.add(name="HealthCheckResponse")
    statuses = told.enum_type.add(name="ServingStatus")
    for number, name in enumerate(("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")):
        statuses.value.add(name=name, number=number)
    kind = ".grpc.health.v1.HealthCheckResponse.ServingStatus"
    told.field.add(
        name="status", number=1, type=of.TYPE_ENUM, type_name=kind, label=of.LABEL_OPTIONAL
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClassesForFiles([file.name], pool)


_MADE = _messages()
HealthCheckRequest = _MADE["grpc.health.v1.HealthCheckRequest"]
HealthCheckResponse = _MADE["grpc.health.v1.HealthCheckResponse"]


class Health:
    """The health service over a server's core."""

    def __init__(self, app: Application) -> None:
        self._core = app.core

    def handler(self) -> Any:
        """Return what a gRPC server dispatches to."""
        check = grpc.unary_unary_rpc_method_handler(self._check)
        return grpc.method_handlers_generic_handler(HEALTH, {"Check": check})

    async def _check(self, body: bytes, context: Any) -> bytes:
        try:
            status = self._status(HealthCheckRequest.FromString(body).service)
        except DecodeError:
            detail = "The request is no HealthCheckRequest."
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, detail)
            raise AssertionError from None  # abort always raises
        if status is None:
            known = ", ".join(sorted(LIVE | READY - {""}))
            detail = f"There is no such service here; there are {known}, and none for the whole."
            await context.abort(grpc.StatusCode.NOT_FOUND, detail)
        return HealthCheckResponse(status=status).SerializeToString()

    def _status(self, service: str) -> int | None:
        if service in LIVE:
            return SERVING
        if service in READY:
            is_ready = self._core.router.standing.is_ready and not self._core.is_draining
            return SERVING if is_ready else NOT_SERVING
        return None
