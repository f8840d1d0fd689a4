# SPDX-License-Identifier: Apache-2.0
"""The official encoder is the reference: what it writes, ours writes, field by field."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as encode_officially
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    set_span_in_context,
)

from dbx_otel.otlp.model import Resource as LightResource
from dbx_otel.otlp.model import Scope
from dbx_otel.otlp.spans import encode_spans
from dbx_otel.tracing.provider import TracerProvider as LightTracerProvider
from dbx_otel.tracing.samplers import Always
from tests.unit.otlp.values_for_tests import (
    ATTRIBUTES,
    CONTEXTS,
    COUNTS,
    RESOURCES,
    SCOPES,
    TEXT,
    TIMES,
    decoded,
    groups,
    records,
)

_NAMES_OF_SPANS = (
    *("name", "context", "parent", "kind", "start_time", "end_time", "status", "resource", "instrumentation_scope"),
    *("attributes", "events", "links", "dropped_attributes", "dropped_events", "dropped_links"),
)

_STATUSES = st.one_of(
    st.none(),
    st.sampled_from([Status(StatusCode.UNSET), Status(StatusCode.OK)]),
    TEXT.map(lambda description: Status(StatusCode.ERROR, description)),
)


@st.composite
def _bounded_attributes(draw: st.DrawFn) -> BoundedAttributes:
    attributes = BoundedAttributes(attributes=draw(ATTRIBUTES), immutable=draw(st.booleans()))
    attributes.dropped = draw(COUNTS)
    return attributes


def _bounded_list(items: list[Any], dropped: int) -> Any:
    bounded = BoundedList.from_seq(8, items)
    bounded.dropped = dropped
    return bounded


_EVENTS = st.builds(Event, name=TEXT, attributes=st.one_of(st.none(), _bounded_attributes()), timestamp=TIMES)
_LINKS = st.builds(Link, context=CONTEXTS, attributes=st.one_of(st.none(), _bounded_attributes()))
SDK_SPANS = st.builds(
    ReadableSpan,
    name=TEXT,
    context=CONTEXTS,
    parent=st.one_of(st.none(), CONTEXTS),
    resource=RESOURCES,
    attributes=st.one_of(st.none(), _bounded_attributes()),
    events=st.one_of(st.just(()), st.builds(_bounded_list, st.lists(_EVENTS, max_size=3), COUNTS)),
    links=st.one_of(st.just(()), st.builds(_bounded_list, st.lists(_LINKS, max_size=3), COUNTS)),
    kind=st.sampled_from(SpanKind),
    status=_STATUSES,
    start_time=st.one_of(st.none(), TIMES),
    end_time=st.one_of(st.none(), TIMES),
    instrumentation_scope=SCOPES,
)


def _light(span: ReadableSpan) -> SimpleNamespace:
    """Return a span that is not the SDK's: no more than the names."""
    light = SimpleNamespace(**{name: getattr(span, name) for name in _NAMES_OF_SPANS})
    light.attributes = dict(span.attributes or {})
    light.get_span_context = lambda: light.context
    light.resource = LightResource(dict(span.resource.attributes), span.resource.schema_url)
    scope = span.instrumentation_scope
    light.instrumentation_scope = scope and Scope(scope.name, scope.version, scope.schema_url, scope.attributes)
    return light


def _request(spans: list[Any]) -> Any:
    return decoded(ExportTraceServiceRequest, encode_spans(spans))


@given(st.lists(SDK_SPANS, max_size=6))
def test_the_sdks_spans_are_as_the_official_encoder_writes_them(spans: list[ReadableSpan]) -> None:
    ours, theirs = _request(spans), encode_officially(spans)
    assert records(ours, "spans", "spans") == records(theirs, "spans", "spans")
    assert groups(ours, "spans") == groups(theirs, "spans")


@given(st.lists(SDK_SPANS, max_size=6))
def test_light_spans_are_the_same(spans: list[ReadableSpan]) -> None:
    ours, theirs = _request([_light(span) for span in spans]), encode_officially(spans)
    assert records(ours, "spans", "spans") == records(theirs, "spans", "spans")


@given(st.lists(SDK_SPANS, max_size=4))
def test_spans_of_our_tracers_are_as_the_official_encoder_writes_them(spans: list[ReadableSpan]) -> None:
    made: list[Any] = []
    provider = LightTracerProvider(LightResource({"service.name": "shop"}), on_end=made.append, sampler=Always(True))
    for span in spans:
        tracer = provider.get_tracer("library", schema_url="https://schemas.example/1", attributes={"a": 1})
        parent = set_span_in_context(NonRecordingSpan(span.parent)) if span.parent else Context()
        light = tracer.start_span(
            span.name, parent, span.kind, span.attributes, span.links, start_time=span.start_time or 1
        )
        for event in span.events:
            light.add_event(event.name, event.attributes, event.timestamp)
        status: Any = span.status
        if status is not None:
            light.set_status(status)
        light.end(span.end_time or 2)
    assert len(made) == len(spans)
    ours, theirs = _request(made), encode_officially(made)
    assert records(ours, "spans", "spans") == records(theirs, "spans", "spans")


@given(st.lists(SDK_SPANS, max_size=4), st.lists(SDK_SPANS, max_size=4))
def test_requests_may_be_joined(first: list[ReadableSpan], second: list[ReadableSpan]) -> None:
    joined = decoded(ExportTraceServiceRequest, encode_spans(first) + encode_spans(second))
    assert records(joined, "spans", "spans") == records(encode_officially(first + second), "spans", "spans")


def _finished_span(**changes: Any) -> SimpleNamespace:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("library").start_as_current_span("GET /") as span:
        span.set_attribute("http.route", "/")
    light = _light(exporter.get_finished_spans()[0])
    vars(light).update(changes)
    return light


def _spans(request: Any) -> list[Span]:
    return [
        span
        for of_resource in request.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"context": SpanContext(1 << 128, 1, is_remote=False)},
        {"context": SpanContext(1, 1 << 64, is_remote=False)},
        {"context": None},
        {"attributes": 3},
        {"kind": SimpleNamespace(value=99)},
        {"resource": None},
        {"events": [3]},
    ],
)
def test_a_span_that_is_none_is_left_out_alone(changes: dict[str, Any]) -> None:
    good, bad = _finished_span(), _finished_span(**changes)
    refused: list[Exception] = []
    request = decoded(ExportTraceServiceRequest, encode_spans([good, bad, good], refused=refused.append))
    assert [span.name for span in _spans(request)] == ["GET /", "GET /"]
    assert len(refused) == 1


@given(start=st.integers(-(1 << 70), 1 << 70), end=st.integers(-(1 << 70), 1 << 70), dropped=st.integers(-5, 1 << 40))
def test_numbers_that_do_not_fit_do_not_cost_the_span(start: int, end: int, dropped: int) -> None:
    changes = {"start_time": start, "end_time": end, "dropped_attributes": dropped}
    (span,) = _spans(_request([_finished_span(**changes)]))
    most = (1 << 64) - 1
    assert span.start_time_unix_nano == (start if 0 <= start <= most else 0)
    assert span.end_time_unix_nano == (end if 0 <= end <= most else 0)
    assert span.dropped_attributes_count == min(max(dropped, 0), (1 << 32) - 1)


def test_a_link_to_nowhere_counts_as_dropped() -> None:
    links = [
        Link(SpanContext(1 << 128, 1, is_remote=False)),
        Link(SpanContext(5, 6, is_remote=True)),
    ]
    (span,) = _spans(_request([_finished_span(links=links, dropped_links=2)]))
    assert [link.span_id[-1] for link in span.links] == [6]
    assert span.dropped_links_count == 3


def test_a_parent_without_an_id_is_left_out() -> None:
    (span,) = _spans(_request([_finished_span(parent=SpanContext(1, 1 << 64, is_remote=True))]))
    assert span.parent_span_id == b""


def test_text_with_half_characters_arrives_escaped() -> None:
    (span,) = _spans(_request([_finished_span(name="a\ud800b", attributes={"\udfff": "\ud800"})]))
    assert span.name == "a\\ud800b"
    assert [(each.key, each.value.string_value) for each in span.attributes] == [("\\udfff", "\\ud800")]


class _ForeignAttributes(dict[str, Any]):
    """Those of a library whose copies are something else than mappings."""

    def copy(self) -> Any:
        return self.items()


class _ForeignSpan(ReadableSpan):
    @property
    def attributes(self) -> Any:
        return _ForeignAttributes(made_by="library")


def test_a_span_of_a_shape_that_we_do_not_know_goes_through_the_official_encoder() -> None:
    foreign = _ForeignSpan("foreign", SpanContext(1, 2, is_remote=False), resource=Resource({}))
    refused: list[Exception] = []
    request = decoded(ExportTraceServiceRequest, encode_spans([_finished_span(), foreign], refused=refused.append))
    spans = {span.name: span for span in _spans(request)}
    assert [each.key for each in spans["foreign"].attributes] == ["made_by"]
    assert set(spans) == {"GET /", "foreign"}
    assert not refused


def test_what_the_official_encoder_cannot_read_either_is_left_out() -> None:
    refused: list[Exception] = []
    request = decoded(ExportTraceServiceRequest, encode_spans([object(), _finished_span()], refused=refused.append))
    assert [span.name for span in _spans(request)] == ["GET /"]
    assert [type(error) for error in refused] == [AttributeError]
