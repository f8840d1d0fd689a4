# SPDX-License-Identifier: Apache-2.0
"""Log records as OTLP (`opentelemetry.proto.logs.v1`)."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from dbx_otel.otlp import wire
from dbx_otel.otlp.attributes import AttributeField
from dbx_otel.otlp.kept import Kept
from dbx_otel.otlp.model import LogRecord
from dbx_otel.otlp.request import RECORD, Refused, encode_request, ignore, release_interpreter
from dbx_otel.otlp.values import any_value

_TIME = wire.tag(1, wire.FIXED64)
_SEVERITY_NUMBER = wire.tag(2, wire.VARINT)
_SEVERITY_TEXT = wire.tag(3, wire.LENGTH_DELIMITED)
_SEVERITY_TEXTS = Kept(partial(wire.text_field, _SEVERITY_TEXT))
_BODY = wire.tag(5, wire.LENGTH_DELIMITED)
_ATTRIBUTES = AttributeField(6)
_DROPPED_ATTRIBUTES = wire.tag(7, wire.VARINT)
_FLAGS = wire.tag(8, wire.FIXED32)
_TRACE_ID = wire.tag(9, wire.LENGTH_DELIMITED) + b"\x10"
_SPAN_ID = wire.tag(10, wire.LENGTH_DELIMITED) + b"\x08"
_OBSERVED_TIME = wire.tag(11, wire.FIXED64)
_EVENT_NAME = wire.tag(12, wire.LENGTH_DELIMITED)

_MOST_SEVERE = 24
_SEVERITIES = tuple(_SEVERITY_NUMBER + wire.varint(number) for number in range(_MOST_SEVERE + 1))


def encode_logs(
    records: Iterable[LogRecord],
    *,
    pause: Callable[[], None] = release_interpreter,
    refused: Refused = ignore,
) -> bytes:
    """Return log records as a serialized ExportLogsServiceRequest.

    Args:
        records: The records. An id that is none is left out, the record is not.
        pause: Called after some records, so that other threads get the interpreter.
        refused: Told of each record that is left out: one that is none.
    """
    return encode_request(records, encode_log, None, pause, refused)


def encode_log(record: LogRecord) -> bytes:
    """Return a log record as a field of ScopeLogs.

    Raises:
        Exception: It cannot be read.
    """
    body = any_value(record.body)
    text = record.severity_text
    parts = [
        wire.time_field(_TIME, record.timestamp),
        wire.time_field(_OBSERVED_TIME, record.observed_timestamp),
        _severity(record.severity_number),
        _SEVERITY_TEXTS[text] if type(text) is str else wire.text_field(_SEVERITY_TEXT, text),
        _BODY,
        wire.length(len(body)),
        body,
    ]
    _ATTRIBUTES.append_to(parts, record.attributes)
    if record.dropped_attributes:
        parts.append(wire.count_field(_DROPPED_ATTRIBUTES, record.dropped_attributes))
    if record.trace_flags and isinstance(record.trace_flags, int):
        parts += _FLAGS, wire.pack_fixed32(record.trace_flags & wire.UNSIGNED_32)
    if record.trace_id or record.span_id:
        parts.append(_ids(record.trace_id, record.span_id))
    if record.event_name:
        parts.append(wire.text_field(_EVENT_NAME, record.event_name))
    return wire.delimited(RECORD, b"".join(parts))


def from_sdk_log(readable: Any) -> LogRecord:
    """Return the SDK's log record as one of ours.

    Args:
        readable: A `ReadableLogRecord` or `ReadWriteLogRecord`.
    """
    record = readable.log_record
    return LogRecord(
        timestamp=record.timestamp,
        observed_timestamp=record.observed_timestamp,
        body=record.body,
        attributes=record.attributes,
        instrumentation_scope=readable.instrumentation_scope,
        resource=readable.resource,
        trace_id=record.trace_id or 0,
        span_id=record.span_id or 0,
        trace_flags=record.trace_flags or 0,
        severity_number=getattr(record.severity_number, "value", record.severity_number),
        severity_text=record.severity_text,
        event_name=str(record.event_name) if record.event_name is not None else None,
        dropped_attributes=readable.dropped_attributes,
    )


def _severity(number: int | None) -> bytes:
    return _SEVERITIES[number] if isinstance(number, int) and 0 < number <= _MOST_SEVERE else b""


def _ids(trace_id: Any, span_id: Any) -> bytes:
    parts: list[bytes] = []
    if isinstance(trace_id, int) and 0 < trace_id < 1 << 128:
        parts += _TRACE_ID, trace_id.to_bytes(16, "big")
    if isinstance(span_id, int) and 0 < span_id < 1 << 64:
        parts += _SPAN_ID, span_id.to_bytes(8, "big")
    return b"".join(parts)
