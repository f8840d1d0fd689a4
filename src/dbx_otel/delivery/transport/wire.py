# SPDX-License-Identifier: Apache-2.0
"""Reads the few protobuf messages that a destination answers with; answers are hostile until read.

Sources: opentelemetry/proto/collector/*/v1 (ExportPartialSuccess), google/rpc/status.proto, error_details.proto
(RetryInfo), and the encoding guide of protobuf for the wire types.
"""

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}
_RETRY_INFO = b"google.rpc.RetryInfo"

Value = int | bytes


def partial_success(body: bytes) -> tuple[int, str]:
    """Read how much of a batch was not taken, from an Export…ServiceResponse; the three have the same fields.

    Args:
        body: The message; one that is none counts as empty.

    Returns:
        How many items were rejected, 0 or more, and the text that came with it.
    """
    partial = _bytes(_fields(body), 1)
    found = _fields(partial)
    rejected = found.get(1, 0)
    # int64: what is beyond is negative.
    return rejected if isinstance(rejected, int) and rejected < 1 << 63 else 0, _text(_bytes(found, 2))


def status(body: bytes) -> tuple[str, float | None]:
    """Read text and wished delay from a google.rpc.Status.

    Args:
        body: The message; one that is none counts as empty.

    Returns:
        The text, and the seconds of its RetryInfo if it has one.
    """
    found = _fields(body)
    delay = None
    for number, detail in _pairs(body):
        if number == 3 and isinstance(detail, bytes):  # noqa: PLR2004 -- Status.details
            packed = _fields(detail)
            if _bytes(packed, 1).rpartition(b"/")[2] == _RETRY_INFO:
                delay = retry_delay(_bytes(packed, 2))
    return _text(_bytes(found, 2)), delay


def retry_delay(body: bytes) -> float:
    """Read the seconds of a google.rpc.RetryInfo; 0 where it is no such message."""
    duration = _fields(_bytes(_fields(body), 1))
    seconds, nanoseconds = duration.get(1, 0), duration.get(2, 0)
    if not (isinstance(seconds, int) and isinstance(nanoseconds, int)):
        return 0.0
    if seconds >= 1 << 63 or nanoseconds >= 10**9:
        return 0.0
    return seconds + nanoseconds / 1e9


def _fields(body: bytes) -> dict[int, Value]:
    """Return the last value of each field, as protobuf takes it."""
    return dict(_pairs(body))


def _pairs(body: bytes) -> Iterator[tuple[int, Value]]:
    """Yield number and value of each field, until the end or the first thing that is no field."""
    at, end = 0, len(body)
    while at < end:
        tag, at = _varint(body, at)
        number, kind = tag >> 3, tag & 7
        if at < 0 or number == 0:
            return
        value: Value
        if kind == _VARINT:
            value, at = _varint(body, at)
            if at < 0:
                return
        else:
            size = _WIDTHS.get(kind, -1)
            if kind == _BYTES:
                size, at = _varint(body, at)
            if at < 0 or not 0 <= size <= end - at:
                return
            value, at = body[at : at + size], at + size
        yield number, value


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins there and where it ends; -1 where none begins or it has more than 64 bits."""
    value = 0
    for shift, byte in enumerate(body[at : at + 10]):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:  # noqa: PLR2004 -- the last byte of a varint has no high bit
            return (value, at + shift + 1) if value < 1 << 64 else (0, -1)
    return 0, -1


def _bytes(fields: dict[int, Value], number: int) -> bytes:
    value = fields.get(number, b"")
    return value if isinstance(value, bytes) else b""


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
