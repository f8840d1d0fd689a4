# SPDX-License-Identifier: Apache-2.0
"""The trace a request belongs to, by whichever propagators are in force."""

from typing import Any

import pytest
from opentelemetry import baggage, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context, get_value, set_value
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from dbx_otel import identity
from dbx_otel.identity.policy import IdentityPolicy
from dbx_otel.identity.propagator import IdentityPropagator
from dbx_otel.instrumentation.incoming_context import IncomingContext
from dbx_otel.settings import IdentityMode

W3C: list[TextMapPropagator] = [TraceContextTextMapPropagator(), W3CBaggagePropagator()]
IDENTITY = IdentityPropagator(IdentityPolicy(trusted=True, mode=IdentityMode.FULL))
TRACEPARENT = (b"traceparent", f"00-{'a' * 32}-{'b' * 16}-01".encode())


class Foreign(TextMapPropagator):
    """Reads a header of its own, as those of B3 or X-Ray do."""

    def extract(self, carrier: Any, context: Context | None = None, getter: Any = None) -> Context:
        assert ("x-foreign" in getter.keys(carrier)) == (getter.get(carrier, "X-Foreign") is not None)
        return set_value("foreign", getter.get(carrier, "X-Foreign"), context)

    def inject(self, carrier: Any, context: Context | None = None, setter: Any = None) -> None:
        raise NotImplementedError

    @property
    def fields(self) -> set[str]:
        return set()


class Broken(Foreign):
    def extract(self, *_: Any, **__: Any) -> Context:
        raise RuntimeError


def extracted(monkeypatch: pytest.MonkeyPatch, *parts: TextMapPropagator, headers: list[tuple[bytes, Any]]) -> Context:
    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", CompositePropagator([CompositePropagator(parts), IDENTITY]))
    fields: dict[bytes, Any] = {}
    for name, value in headers:
        identity.add_field(fields, name, value)
    return IncomingContext().extract({"type": "http", "headers": headers}, fields, Context({"before": 1}))


def test_w3c(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = [TRACEPARENT, (b"tracestate", b"a=1"), (b"tracestate", b"b=2"), (b"baggage", b"c=d")]
    context = extracted(monkeypatch, *W3C, headers=headers)
    found = trace.get_current_span(context).get_span_context()
    assert (f"{found.trace_id:x}", f"{found.span_id:x}", found.is_remote) == ("a" * 32, "b" * 16, True)
    assert dict(found.trace_state) == {"a": "1", "b": "2"}
    assert baggage.get_all(context) == {"c": "d"}
    assert get_value("before", context) == 1


def test_nothing_sent_is_nothing_added(monkeypatch: pytest.MonkeyPatch) -> None:
    assert extracted(monkeypatch, *W3C, headers=[(b"tracestate", b"a=1")]) == {"before": 1}


def test_a_propagator_that_is_left_out_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert extracted(monkeypatch, W3C[1], headers=[TRACEPARENT]) == {"before": 1}


def test_others_see_all_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    context = extracted(
        monkeypatch, W3C[0], Foreign(), headers=[TRACEPARENT, (b"x-foreign", b"1"), (b"x-foreign", b"2")]
    )
    assert get_value("foreign", context) == ["1", "2"]
    assert trace.get_current_span(context).get_span_context().is_valid


def test_identity_is_read_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    context = extracted(monkeypatch, *W3C, headers=[(b"x-forwarded-email", b"ada@example.com")])
    assert identity.current(context) is None


def test_one_that_stumbles_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    context = extracted(monkeypatch, Broken(), *W3C, headers=[TRACEPARENT])
    assert trace.get_current_span(context).get_span_context().is_valid


def test_another_propagator_in_force_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    incoming = IncomingContext()
    for parts, is_valid in ((W3C, True), ([], False)):
        monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", CompositePropagator(parts))
        context = incoming.extract({"headers": [TRACEPARENT]}, dict([TRACEPARENT]), Context())
        assert trace.get_current_span(context).get_span_context().is_valid is is_valid
