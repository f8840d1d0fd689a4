# SPDX-License-Identifier: Apache-2.0
"""Makes batches: encoded, then compressed, once for all destinations."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from dbx_otel import semconv
from dbx_otel.delivery.batch import Batch, Priority, Signal
from dbx_otel.otlp.logs import encode_logs
from dbx_otel.otlp.metrics import encode_metrics
from dbx_otel.otlp.spans import encode_spans

_FASTEST = 1
_GZIP = 31
"""`wbits` of zlib: a gzip header, the largest window."""

_LARGEST = 3_000_000
"""Bytes of a request beyond which it is divided: a collector takes 4 MiB over gRPC, unless told otherwise."""

_SECURITY_EVENTS = ("security.", "audit.")

T = TypeVar("T")

LostInEncoding = Callable[[Signal, int], None]
"""Told how many records could not be encoded."""


def is_security_record(record: Any) -> bool:
    """Tell whether a log record is about security: by the class of its event."""
    name = record.event_name
    return name is not None and name.startswith(_SECURITY_EVENTS)


def is_important_span(span: Any) -> bool:
    """Tell whether a security event happened in a span."""
    return semconv.SECURITY_EVENT_NAMES in (span.attributes or ())


def pack_spans(spans: Sequence[Any], lost: LostInEncoding) -> Iterator[Batch]:
    """Yield batches of spans, those that matter more apart from the others.

    Args:
        spans: Ended spans.
        lost: Told of those that could not be encoded.
    """
    important = [span for span in spans if is_important_span(span)]
    ordinary = [span for span in spans if not is_important_span(span)] if important else spans
    for some, priority in ((important, Priority.IMPORTANT), (ordinary, Priority.ORDINARY)):
        if some:
            yield from _pack("traces", encode_spans, some, priority, lost)


def pack_logs(records: Sequence[Any], lost: LostInEncoding) -> Iterator[Batch]:
    """Yield a batch of ordinary log records, several where they are large.

    Args:
        records: The records.
        lost: Told of those that could not be encoded.
    """
    yield from _pack("logs", encode_logs, records, Priority.ORDINARY, lost)


def pack_security(records: Sequence[tuple[bytes, Any]]) -> Iterator[Batch]:
    """Yield a batch of security records, several where they are large.

    Args:
        records: Each as a request of its own, with its receipt, or `None` where it is not on the spool. One after the
            other such requests are one request (protobuf encoding, "Last One Wins": repeated fields are concatenated).
    """
    body = b"".join(payload for payload, _ in records)
    if len(body) > _LARGEST and len(records) > 1:
        for half in _halves(records):
            yield from pack_security(half)
        return
    receipts = tuple(receipt for _, receipt in records if receipt is not None)
    yield Batch("logs", _compress(body), len(records), Priority.SECURITY, len(body), receipts)


def pack_metrics(data: Any) -> Batch | None:
    """Return a batch of metrics; `None` where there is no point in it.

    Args:
        data: Metrics in the shape of the SDK's `MetricsData`.
    """
    body = encode_metrics(data)
    if not body:
        return None
    count = sum(
        len(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )
    return Batch("metrics", _compress(body), count, Priority.ORDINARY, len(body))


def encode_one_log(record: Any) -> bytes:
    """Return a log record as a request of its own; empty where it cannot be encoded."""
    return encode_logs([record])


def _pack(
    signal: Signal, encode: Callable[..., bytes], records: Sequence[Any], priority: Priority, lost: LostInEncoding
) -> Iterator[Batch]:
    refused: list[Exception] = []
    try:
        body = encode(records, refused=refused.append)
    except Exception:
        lost(signal, len(records))
        raise
    if len(body) > _LARGEST and len(records) > 1:
        for half in _halves(records):
            yield from _pack(signal, encode, half, priority, lost)
        return
    if refused:
        lost(signal, len(refused))
    if len(refused) < len(records):
        yield Batch(signal, _compress(body), len(records) - len(refused), priority, len(body))


def _halves(records: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
    middle = len(records) // 2
    return records[:middle], records[middle:]


def _compress(body: bytes) -> bytes:
    return zlib.compress(body, _FASTEST, _GZIP)
