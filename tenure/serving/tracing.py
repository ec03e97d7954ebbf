"""How does a request's span reach whoever follows it from service to service?

An extra (`tenure[otel]`), off unless `--traces`. The caller's W3C `traceparent` is taken, a span a
request is made below it with model, version, slot and rows, and never a value out of a row; the
answer hands its own `traceparent` on. Where spans go, the environment says (OTEL_…).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenure.errors import BadServing

if TYPE_CHECKING:
    from tenure.serving.doors import Request

_PARENT, _STATE = b"traceparent", b"tracestate"


class Traces:
    """Makes a span a request.

    Args:
        provider: of spans; the one that the environment describes if not given.

    Raises:
        BadServing: the extra is not installed.
    """

    def __init__(self, provider: Any = None) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

            self._provider = provider or _provider_of_environment()
        except ImportError as error:
            wanted = "`pip install 'tenure[otel]'`"
            raise BadServing(what="--traces", got="no opentelemetry", wanted=wanted) from error
        self._tracer = self._provider.get_tracer("tenure.serving")
        self._propagator = TraceContextTextMapPropagator()
        self._trace = trace

    def begin(self, request: Request) -> Any:
        """Return the span of a request that has just come."""
        carried = {
            name.decode(): request.headers[name].decode("latin-1")
            for name in (_PARENT, _STATE)
            if name in request.headers
        }
        context = self._propagator.extract(carried) if carried else None
        attributes = {"http.request.method": request.method}
        return self._tracer.start_span(
            "request", context, kind=self._trace.SpanKind.SERVER, attributes=attributes
        )

    def end(self, span: Any, door: str, request: Request, status: int) -> list[tuple[bytes, bytes]]:
        """End a span; return the headers that hand it on."""
        by = request.reference
        span.update_name(f"{door} {request.method}")
        span.set_attribute("tenure.door", door)
        span.set_attribute("http.response.status_code", status)
        if by is not None:
            span.set_attribute("tenure.model", by.model)
            span.set_attribute("tenure.version", by.version)
            span.set_attribute("tenure.slot", by.slot.value)
            span.set_attribute("tenure.epoch", by.epoch)
            span.set_attribute("tenure.rows", request.rows)
        if status >= 500:
            span.set_status(self._trace.StatusCode.ERROR)
        carried: dict[str, str] = {}
        self._propagator.inject(carried, self._trace.set_span_in_context(span))
        span.end()
        return [(name.encode(), value.encode()) for name, value in carried.items()]

    def close(self) -> None:
        """Send what waits."""
        self._provider.shutdown()


def _provider_of_environment() -> Any:
    import os

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", "tenure-serving")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
