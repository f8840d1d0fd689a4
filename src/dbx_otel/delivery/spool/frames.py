# SPDX-License-Identifier: Apache-2.0
"""The format of a segment file: a header, then frames that are only ever appended.

    header    magic (8 bytes) · version (u32) · marker (8 random bytes)
    frame     marker · kind (u8) · number (u64) · length (u32) · CRC-32 of kind, number, length and payload · payload

All numbers are little-endian. The marker is how a reader finds the next frame behind a damaged one; as it is random,
no payload can hold what looks like a frame. A record's number is its own within the segment. An acknowledgement bears
the first number of a run of records that need not be delivered any more, and the last one as its payload.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from zlib import crc32

_MAGIC = b"DBXSPOOL"
_VERSION = 1
_HEADER = struct.Struct("<8sI8s")
_FIELDS = struct.Struct("<BQI")
_CHECKSUM = struct.Struct("<I")
_LAST = struct.Struct("<Q")
_MARKER_SIZE = 8
_PAYLOAD_AT = _MARKER_SIZE + _FIELDS.size + _CHECKSUM.size

_RECORD = 1
_ACKNOWLEDGED = 2

HEADER_SIZE = _HEADER.size
"""Bytes of a segment without any frame."""
FRAME_OVERHEAD = _PAYLOAD_AT
"""Bytes of a frame beside its payload."""
MAX_PAYLOAD = 0xFFFFFFFF
"""Most bytes of a payload that the format can hold."""


class ForeignError(ValueError):
    """A file is no segment, or one of another version of the format."""


class Contents:
    """What a segment holds.

    Attributes:
        marker: The segment's marker.
        records: Payloads of the records that are not acknowledged, by their number, in the order they were appended.
        next_number: A number that no record of the segment has, nor any before it.
        end: Where the last intact frame ends, in bytes. What follows was not written to its end.
        damaged: In how many places frames are damaged and others follow.
    """

    __slots__ = ("damaged", "end", "marker", "next_number", "records")

    def __init__(self, marker: bytes) -> None:
        self.marker = marker
        self.records: dict[int, bytes] = {}
        self.next_number = 0
        self.end = HEADER_SIZE
        self.damaged = 0


def new_marker() -> bytes:
    """Return a marker for a new segment."""
    return os.urandom(_MARKER_SIZE)


def header(marker: bytes) -> bytes:
    """Return the header of a segment."""
    return _HEADER.pack(_MAGIC, _VERSION, marker)


def record(marker: bytes, number: int, payload: bytes) -> bytes:
    """Return the frame of a record."""
    return _frame(marker, _RECORD, number, payload)


def acknowledgement(marker: bytes, numbers: Iterable[int]) -> bytes:
    """Return the frames that acknowledge these records: one for each run of consecutive numbers."""
    return b"".join(_frame(marker, _ACKNOWLEDGED, first, _LAST.pack(last)) for first, last in _runs(numbers))


def read(data: bytes) -> Contents:
    """Read a segment. Damaged and half-written frames are passed over.

    Raises:
        ForeignError: It is not a segment of this version.
    """
    contents = Contents(_marker_of(data))
    position = HEADER_SIZE
    while position < len(data):
        frame = _frame_at(data, position, contents.marker)
        if frame is None:
            position = data.find(contents.marker, position + 1)
            if position < 0:
                break
            continue
        kind, number, payload = frame
        contents.damaged += position != contents.end
        position += FRAME_OVERHEAD + len(payload)
        contents.end = position
        _apply(contents, kind, number, payload)
    return contents


def _marker_of(data: bytes) -> bytes:
    whole = data[:HEADER_SIZE].ljust(HEADER_SIZE, b"\0")
    magic, version, marker = _HEADER.unpack(whole)
    if len(data) < HEADER_SIZE and header(marker).startswith(data):
        return bytes(_MARKER_SIZE)  # its writer ended before the first record
    if (magic, version) != (_MAGIC, _VERSION):
        raise ForeignError("no segment of this version")
    return bytes(marker)


def _frame(marker: bytes, kind: int, number: int, payload: bytes) -> bytes:
    fields = _FIELDS.pack(kind, number, len(payload))
    return marker + fields + _CHECKSUM.pack(crc32(payload, crc32(fields))) + payload


def _frame_at(data: bytes, position: int, marker: bytes) -> tuple[int, int, bytes] | None:
    start = position + _PAYLOAD_AT
    if start > len(data) or not data.startswith(marker, position):
        return None
    fields = data[position + _MARKER_SIZE : start - _CHECKSUM.size]
    kind, number, length = _FIELDS.unpack(fields)
    if start + length > len(data):
        return None
    payload = data[start : start + length]
    (checksum,) = _CHECKSUM.unpack_from(data, start - _CHECKSUM.size)
    return (kind, number, payload) if crc32(payload, crc32(fields)) == checksum else None


def _apply(contents: Contents, kind: int, number: int, payload: bytes) -> None:
    if kind == _RECORD:
        contents.records[number] = payload
        contents.next_number = max(contents.next_number, number + 1)
    elif kind == _ACKNOWLEDGED and len(payload) == _LAST.size:
        (last,) = _LAST.unpack(payload)
        done = [known for known in contents.records if number <= known <= last]
        for known in done:
            del contents.records[known]


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = None
    for number in sorted(numbers):
        if first is None or last is None:
            first = last = number
        elif number <= last + 1:
            last = number
        else:
            yield first, last
            first = last = number
    if first is not None and last is not None:
        yield first, last
