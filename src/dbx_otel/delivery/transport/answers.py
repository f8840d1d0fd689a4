# SPDX-License-Identifier: Apache-2.0
"""What a destination's answer means for the batch (OTLP specification 1.9, "OTLP/gRPC" and "OTLP/HTTP", "Failures")."""

import math
import time
import zlib
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from dbx_otel.delivery.outcome import Kind, Outcome
from dbx_otel.delivery.transport import wire

LARGEST = 65_536
"""Bytes of an answer that are read, as sent and after decompression."""

_RETRYABLE = frozenset(
    (
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    )
)
_DENIALS = frozenset(
    (
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    )
)
_RETRYABLE_CODES = frozenset(("CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"))
_DENIAL_CODES = frozenset(("UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "UNIMPLEMENTED"))
_LONGEST_WAIT = 3600.0
"""Seconds that a destination is believed to want to be left alone; more is a mistake or malice."""
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


def of_http(status: int, headers: Mapping[str, str], body: bytes, count: int) -> Outcome:
    """Judge an HTTP answer.

    Args:
        status: Its status.
        headers: Its headers.
        body: Its body as sent, `LARGEST` bytes at most; empty where it could not be read.
        count: How many items the batch had.
    """
    body = _decompressed(body, headers.get("content-encoding", ""))
    content = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_protobuf = content in {"", "application/x-protobuf", "application/protobuf"}
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return accepted(body if is_protobuf else b"", count)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Outcome(Kind.DENIED, message=f"HTTP {status}: redirects are not followed")
    said = wire.status(body)[0] if is_protobuf else ""
    if content.startswith("text/plain") or content == "application/json":
        said = body.decode("utf-8", "replace")
    message = f"HTTP {status}: {said}" if said.strip() else f"HTTP {status}"
    if status not in _RETRYABLE:
        return Outcome(Kind.DENIED if status in _DENIALS else Kind.REFUSED, message=message)
    return Outcome(Kind.RETRY, retry_after(headers.get("retry-after")), message=message)


def of_grpc(code: str, details: str, trailers: Mapping[str, str | bytes]) -> Outcome:
    """Judge a gRPC status that is not OK.

    Args:
        code: Its name, such as `UNAVAILABLE`.
        details: Its text.
        trailers: The trailing metadata.
    """
    _, wait = wire.status(_binary(trailers, "grpc-status-details-bin"))
    if wait is None and "google.rpc.retryinfo-bin" in trailers:
        # Where some servers put it alone.
        wait = wire.retry_delay(_binary(trailers, "google.rpc.retryinfo-bin"))
    message = f"{code}: {details}" if details else code
    if code in _RETRYABLE_CODES or (code == "RESOURCE_EXHAUSTED" and wait is not None):
        return Outcome(Kind.RETRY, None if wait is None else min(wait, _LONGEST_WAIT), message=message)
    return Outcome(Kind.DENIED if code in _DENIAL_CODES else Kind.REFUSED, message=message)


def accepted(body: bytes, count: int) -> Outcome:
    """Read an Export…ServiceResponse.

    Args:
        body: The message.
        count: How many items the batch had.
    """
    rejected, message = wire.partial_success(body)
    return Outcome(Kind.ACCEPTED, rejected=min(rejected, count), message=message)


def retry_after(text: str | None) -> float | None:
    """Read a `Retry-After` header, a number of seconds or a date (RFC 9110, section 10.2.3).

    Args:
        text: The header, if there is one.

    Returns:
        Seconds from now, from 0 to 3600; `None` where it says nothing that can be read.
    """
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = _seconds_until(text)
    return min(max(seconds, 0.0), _LONGEST_WAIT) if math.isfinite(seconds) else None


def _seconds_until(date: str) -> float:
    try:
        found = parsedate_to_datetime(date)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() - time.time()
    except (ValueError, OverflowError, TypeError, IndexError):
        return math.nan


def _decompressed(body: bytes, encoding: str) -> bytes:
    if encoding.strip().lower() in {"", "identity"}:
        return body
    try:
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, LARGEST)
    except zlib.error:
        return b""


def _binary(trailers: Mapping[str, str | bytes], name: str) -> bytes:
    value = trailers.get(name, b"")
    return value if isinstance(value, bytes) else b""
