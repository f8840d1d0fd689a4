# SPDX-License-Identifier: Apache-2.0
"""Spans as OTLP (`opentelemetry.proto.trace.v1`): ours and the SDK's, which have the same names."""

from collections.abc import Callable, Iterable
from functools import partial
from struct import Struct
from typing import Any

from dbx_otel.otlp import wire
from dbx_otel.otlp.attributes import AttributeField
from dbx_otel.otlp.kept import Kept
from dbx_otel.otlp.request import RECORD, Refused, encode_request, ignore, release_interpreter

_TRACE_ID = wire.tag(1, wire.LENGTH_DELIMITED) + b"\x10"
_SPAN_ID = wire.tag(2, wire.LENGTH_DELIMITED) + b"\x08"
_TRACE_STATE = wire.tag(3, wire.LENGTH_DELIMITED)
_PARENT_SPAN_ID = wire.tag(4, wire.LENGTH_DELIMITED) + b"\x08"
_NAME = wire.tag(5, wire.LENGTH_DELIMITED)
_NAMES = Kept(partial(wire.text_field, _NAME))
_KIND = wire.tag(6, wire.VARINT)
_START_TIME = wire.tag(7, wire.FIXED64)
_END_TIME = wire.tag(8, wire.FIXED64)
_ATTRIBUTES = AttributeField(9)
_DROPPED_ATTRIBUTES = wire.tag(10, wire.VARINT)
_EVENTS = wire.tag(11, wire.LENGTH_DELIMITED)
_DROPPED_EVENTS = wire.tag(12, wire.VARINT)
_LINKS = wire.tag(13, wire.LENGTH_DELIMITED)
_DROPPED_LINKS = wire.tag(14, wire.VARINT)
_STATUS = wire.tag(15, wire.LENGTH_DELIMITED)
_FLAGS = wire.tag(16, wire.FIXED32)

_EVENT_TIME = wire.tag(1, wire.FIXED64)
_EVENT_NAME = wire.tag(2, wire.LENGTH_DELIMITED)
_EVENT_ATTRIBUTES = AttributeField(3)
_EVENT_DROPPED = wire.tag(4, wire.VARINT)

_LINK_ATTRIBUTES = AttributeField(4)
_LINK_DROPPED = wire.tag(5, wire.VARINT)
_LINK_FLAGS = wire.tag(6, wire.FIXED32)

_STATUS_MESSAGE = wire.tag(2, wire.LENGTH_DELIMITED)
_STATUS_CODE = wire.tag(3, wire.VARINT)

# SpanFlags: whether a context is remote is known, and it is.
_IS_LOCAL, _IS_REMOTE = wire.pack_fixed32(0x100), wire.pack_fixed32(0x300)
_LOCAL_PARENT, _REMOTE_PARENT = _FLAGS + _IS_LOCAL, _FLAGS + _IS_REMOTE
# The API's SpanKind counts from 0; in OTLP 0 is "unspecified".
_KINDS = tuple(_KIND + wire.varint(kind + 1) for kind in range(5))
_STATUS_UNSET = wire.delimited(_STATUS, b"")
_pack_times = Struct("<BQBQ").pack


def encode_spans(
    spans: Iterable[Any],
    *,
    pause: Callable[[], None] = release_interpreter,
    refused: Refused = ignore,
) -> bytes:
    """Return spans as a serialized ExportTraceServiceRequest.

    Args:
        spans: Ended spans: ours, the SDK's `ReadableSpan`, or what has its names.
        pause: Called after some spans, so that other threads get the interpreter.
        refused: Told of each span that is left out: one whose ids are none.
    """
    return encode_request(spans, encode_span, _encode_foreign, pause, refused)


def encode_span(span: Any) -> bytes:
    """Return a span as a field of ScopeSpans.

    Raises:
        AttributeError: It lacks a name that spans have.
        Exception: Its trace or span id is none, or it cannot be read.
    """
    context = span.get_span_context()
    parent = span.parent
    name = span.name
    parts = [
        _TRACE_ID,
        context.trace_id.to_bytes(16, "big"),
        _SPAN_ID,
        context.span_id.to_bytes(8, "big"),
        _NAMES[name] if type(name) is str else wire.text_field(_NAME, name),
        _KINDS[span.kind.value],
        _times(span.start_time, span.end_time),
        _REMOTE_PARENT if parent and parent.is_remote else _LOCAL_PARENT,
    ]
    if parent and 0 <= parent.span_id <= wire.UNSIGNED_64:
        parts += _PARENT_SPAN_ID, parent.span_id.to_bytes(8, "big")
    if context.trace_state:
        parts.append(_trace_state(context.trace_state))
    _ATTRIBUTES.append_to(parts, span.attributes)
    events, links = span.events, span.links
    lost_links = span.dropped_links
    if events:
        parts += [_event(event) for event in events]
    if links:
        encoded = [_link(link) for link in links]
        parts += encoded
        lost_links += encoded.count(b"")
    parts.append(_status(span.status))
    dropped = span.dropped_attributes, span.dropped_events, lost_links
    if any(dropped):
        parts += map(wire.count_field, (_DROPPED_ATTRIBUTES, _DROPPED_EVENTS, _DROPPED_LINKS), dropped)
    return wire.delimited(RECORD, b"".join(parts))


def _times(start: int | None, end: int | None) -> bytes:
    if type(start) is int and type(end) is int and 0 < start <= wire.UNSIGNED_64 and 0 < end <= wire.UNSIGNED_64:
        return _pack_times(_START_TIME[0], start, _END_TIME[0], end)
    return wire.time_field(_START_TIME, start) + wire.time_field(_END_TIME, end)


def _trace_state(state: Any) -> bytes:
    return wire.text_field(_TRACE_STATE, ",".join([f"{key}={value}" for key, value in state.items()]))


def _event(event: Any) -> bytes:
    parts = [wire.time_field(_EVENT_TIME, event.timestamp), wire.text_field(_EVENT_NAME, event.name)]
    _EVENT_ATTRIBUTES.append_to(parts, event.attributes)
    parts.append(wire.count_field(_EVENT_DROPPED, event.dropped_attributes))
    return wire.delimited(_EVENTS, b"".join(parts))


def _link(link: Any) -> bytes:
    """Return a link; nothing where it points nowhere, because its ids are none."""
    context = link.context
    try:
        parts = [_TRACE_ID, context.trace_id.to_bytes(16, "big"), _SPAN_ID, context.span_id.to_bytes(8, "big")]
    except OverflowError:
        return b""
    _LINK_ATTRIBUTES.append_to(parts, link.attributes)
    parts += wire.count_field(_LINK_DROPPED, link.dropped_attributes), _LINK_FLAGS
    parts.append(_IS_REMOTE if context.is_remote else _IS_LOCAL)
    return wire.delimited(_LINKS, b"".join(parts))


def _status(status: Any) -> bytes:
    if status is None:
        return b""
    code = status.status_code.value
    if not code:
        return _STATUS_UNSET
    return wire.delimited(
        _STATUS, wire.text_field(_STATUS_MESSAGE, status.description) + _STATUS_CODE + wire.varint(code)
    )


def _encode_foreign(span: Any) -> bytes:
    """Return a request for a span that is made in another way than the SDK's."""
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as encode_officially

    return encode_officially([span]).SerializeToString()
