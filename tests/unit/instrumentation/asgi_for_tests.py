# SPDX-License-Identifier: Apache-2.0
"""Apps called as a server calls them, with what came of it; each test has hooks on classes of its own."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from dbx_otel import identity
from dbx_otel.identity.policy import IdentityPolicy
from dbx_otel.identity.processors import IdentitySpanProcessor
from dbx_otel.metrics import instruments
from dbx_otel.settings import IdentityMode

Header = tuple[bytes, bytes]
ADA: list[Header] = [
    (b"x-forwarded-user", b"1@1"),
    (b"x-forwarded-email", b"ada@example.com"),
    (b"x-real-ip", b"203.0.113.7"),
    (b"x-request-id", b"r-1"),
    (b"x-forwarded-access-token", b"canary-of-a-token"),
]


class Seen:
    """What hooks have made."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(IdentitySpanProcessor())
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    @property
    def servers(self) -> list[ReadableSpan]:
        return [span for span in self.spans if span.kind is trace.SpanKind.SERVER]

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the only server span."""
        (span,) = self.servers
        return dict(span.attributes or {})


@contextmanager
def watched(monkeypatch: Any, *, trusted: bool = True, mode: IdentityMode = IdentityMode.FULL) -> Iterator[Seen]:
    """Have what hooks make come to a `Seen`."""
    seen = Seen()
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", seen.provider)
    monkeypatch.setattr(identity, "_propagator", None)
    policy = identity.install(IdentityPolicy(trusted=trusted, mode=mode))
    w3c = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", CompositePropagator([w3c, policy]))
    registry = instruments.Registry()
    for name in ("histogram", "counter", "up_down_counter"):
        monkeypatch.setattr(instruments, name, getattr(registry, name))
    yield seen


def scope(path: str = "/", *headers: Header, **more: Any) -> dict[str, Any]:
    """Return the scope of a request as uvicorn makes it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("10.9.9.9", 4711),
        "scheme": "http",
        "method": "GET",
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"orders.example"), *headers],
        "state": {},
        **more,
    }


def call(app: Any, asked: dict[str, Any], send: Callable[[Any], None] = lambda _: None) -> list[Any]:
    """Call an app and return what it has sent; exceptions pass."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def keep(message: Any) -> None:
        send(message)
        sent.append(message)

    asyncio.run(app(asked, receive, keep))
    return sent
