# SPDX-License-Identifier: Apache-2.0
"""Data points of metrics as OTLP (`opentelemetry.proto.metrics.v1`), with their exemplars.

Points are ours or the SDK's, which have the same names; `flags` and `zero_threshold` are taken where a point has them.
"""

from collections.abc import Iterable, Sequence
from struct import pack
from typing import Any

from dbx_otel.otlp import wire
from dbx_otel.otlp.attributes import AttributeField

_START_TIME = wire.tag(2, wire.FIXED64)
_TIME = wire.tag(3, wire.FIXED64)

_NUMBER_ATTRIBUTES = AttributeField(7)
_NUMBER_AS_DOUBLE = wire.tag(4, wire.FIXED64)
_NUMBER_EXEMPLARS = wire.tag(5, wire.LENGTH_DELIMITED)
_NUMBER_AS_INT = wire.tag(6, wire.FIXED64)
_NUMBER_FLAGS = wire.tag(8, wire.VARINT)

_COUNT = wire.tag(4, wire.FIXED64)
_SUM = wire.tag(5, wire.FIXED64)

_HISTOGRAM_ATTRIBUTES = AttributeField(9)
_BUCKET_COUNTS = wire.tag(6, wire.LENGTH_DELIMITED)
_EXPLICIT_BOUNDS = wire.tag(7, wire.LENGTH_DELIMITED)
_HISTOGRAM_EXEMPLARS = wire.tag(8, wire.LENGTH_DELIMITED)
_HISTOGRAM_FLAGS = wire.tag(10, wire.VARINT)
_HISTOGRAM_MIN = wire.tag(11, wire.FIXED64)
_HISTOGRAM_MAX = wire.tag(12, wire.FIXED64)

_EXPONENTIAL_ATTRIBUTES = AttributeField(1)
_SCALE = wire.tag(6, wire.VARINT)
_ZERO_COUNT = wire.tag(7, wire.FIXED64)
_POSITIVE = wire.tag(8, wire.LENGTH_DELIMITED)
_NEGATIVE = wire.tag(9, wire.LENGTH_DELIMITED)
_EXPONENTIAL_FLAGS = wire.tag(10, wire.VARINT)
_EXPONENTIAL_EXEMPLARS = wire.tag(11, wire.LENGTH_DELIMITED)
_EXPONENTIAL_MIN = wire.tag(12, wire.FIXED64)
_EXPONENTIAL_MAX = wire.tag(13, wire.FIXED64)
_ZERO_THRESHOLD = wire.tag(14, wire.FIXED64)
_OFFSET = wire.tag(1, wire.VARINT)
_OFFSET_COUNTS = wire.tag(2, wire.LENGTH_DELIMITED)

_EXEMPLAR_ATTRIBUTES = AttributeField(7)
_EXEMPLAR_TIME = wire.tag(2, wire.FIXED64)
_EXEMPLAR_AS_DOUBLE = wire.tag(3, wire.FIXED64)
_EXEMPLAR_SPAN_ID = wire.tag(4, wire.LENGTH_DELIMITED) + b"\x08"
_EXEMPLAR_TRACE_ID = wire.tag(5, wire.LENGTH_DELIMITED) + b"\x10"
_EXEMPLAR_AS_INT = wire.tag(6, wire.FIXED64)

_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1


def sum_point(point: Any) -> bytes:
    """Return a sum's point, a NumberDataPoint.

    Raises:
        Exception: It cannot be read, or its value is no number.
    """
    return wire.time_field(_START_TIME, point.start_time_unix_nano) + gauge_point(point)


def gauge_point(point: Any) -> bytes:
    """Return a gauge's point: a NumberDataPoint without a start, as there is nothing that began.

    Raises:
        Exception: It cannot be read, or its value is no number.
    """
    parts = [
        wire.time_field(_TIME, point.time_unix_nano),
        _number(_NUMBER_AS_INT, _NUMBER_AS_DOUBLE, point.value),
        wire.count_field(_NUMBER_FLAGS, getattr(point, "flags", 0)),
    ]
    _NUMBER_ATTRIBUTES.append_to(parts, point.attributes)
    parts += _exemplars(_NUMBER_EXEMPLARS, point.exemplars)
    return b"".join(parts)


def histogram_point(point: Any) -> bytes:
    """Return a HistogramDataPoint.

    Raises:
        Exception: It cannot be read, or one of its numbers is none.
    """
    counts, bounds = point.bucket_counts, point.explicit_bounds
    parts = [
        _times_count_and_sum(point),
        wire.delimited(_BUCKET_COUNTS, pack(f"<{len(counts)}Q", *counts)) if counts else b"",
        wire.delimited(_EXPLICIT_BOUNDS, pack(f"<{len(bounds)}d", *bounds)) if bounds else b"",
        wire.count_field(_HISTOGRAM_FLAGS, getattr(point, "flags", 0)),
        wire.double_field(_HISTOGRAM_MIN, point.min),
        wire.double_field(_HISTOGRAM_MAX, point.max),
    ]
    _HISTOGRAM_ATTRIBUTES.append_to(parts, point.attributes)
    parts += _exemplars(_HISTOGRAM_EXEMPLARS, point.exemplars)
    return b"".join(parts)


def exponential_histogram_point(point: Any) -> bytes:
    """Return an ExponentialHistogramDataPoint.

    Raises:
        Exception: It cannot be read, or one of its numbers is none.
    """
    zeros, threshold = point.zero_count, getattr(point, "zero_threshold", 0.0)
    parts = [
        _times_count_and_sum(point),
        _SCALE + wire.zigzag(point.scale) if point.scale else b"",
        _ZERO_COUNT + wire.pack_fixed64(zeros) if zeros else b"",
        _buckets(_POSITIVE, point.positive),
        _buckets(_NEGATIVE, point.negative),
        wire.count_field(_EXPONENTIAL_FLAGS, point.flags),
        wire.double_field(_EXPONENTIAL_MIN, point.min),
        wire.double_field(_EXPONENTIAL_MAX, point.max),
        wire.double_field(_ZERO_THRESHOLD, threshold) if threshold else b"",
    ]
    _EXPONENTIAL_ATTRIBUTES.append_to(parts, point.attributes)
    parts += _exemplars(_EXPONENTIAL_EXEMPLARS, point.exemplars)
    return b"".join(parts)


def _times_count_and_sum(point: Any) -> bytes:
    times = wire.time_field(_START_TIME, point.start_time_unix_nano) + wire.time_field(_TIME, point.time_unix_nano)
    count = _COUNT + wire.pack_fixed64(point.count) if point.count else b""
    return times + count + wire.double_field(_SUM, point.sum)


def _buckets(tag: bytes, buckets: Any) -> bytes:
    if not buckets.bucket_counts:
        return b""
    offset = _OFFSET + wire.zigzag(buckets.offset) if buckets.offset else b""
    counts = b"".join([wire.varint(count) for count in buckets.bucket_counts])
    return wire.delimited(tag, offset + wire.delimited(_OFFSET_COUNTS, counts))


def _number(int_tag: bytes, double_tag: bytes, value: Any) -> bytes:
    if isinstance(value, int) and _LOWEST <= value <= _HIGHEST:
        return int_tag + wire.pack_signed64(value)
    return double_tag + wire.pack_double(value)


def _exemplars(tag: bytes, exemplars: Sequence[Any]) -> Iterable[bytes]:
    return [wire.delimited(tag, _exemplar(exemplar)) for exemplar in exemplars]


def _exemplar(exemplar: Any) -> bytes:
    parts = [
        wire.time_field(_EXEMPLAR_TIME, exemplar.time_unix_nano),
        _number(_EXEMPLAR_AS_INT, _EXEMPLAR_AS_DOUBLE, exemplar.value),
    ]
    if exemplar.span_id is not None and exemplar.trace_id is not None:
        parts += _EXEMPLAR_SPAN_ID, exemplar.span_id.to_bytes(8, "big")
        parts += _EXEMPLAR_TRACE_ID, exemplar.trace_id.to_bytes(16, "big")
    _EXEMPLAR_ATTRIBUTES.append_to(parts, exemplar.filtered_attributes)
    return b"".join(parts)
