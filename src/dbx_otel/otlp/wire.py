# SPDX-License-Identifier: Apache-2.0
"""Protocol Buffers' wire format (protobuf.dev, "Encoding"): tags, varints, lengths, fixed numbers.

A field is a tag and a value; the tag is `number << 3 | wire type`. Repeated fields may stand anywhere, a field that
has its default is left out, and messages may be joined: readers merge them.
"""

from struct import Struct
from typing import Any

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5
"""Wire types."""

UNSIGNED_32 = (1 << 32) - 1
UNSIGNED_64 = (1 << 64) - 1

_SEVEN_BITS, _MORE = 0x7F, 0x80

pack_fixed32 = Struct("<I").pack
pack_fixed64 = Struct("<Q").pack
pack_signed64 = Struct("<q").pack
pack_double = Struct("<d").pack


def varint(number: int) -> bytes:
    """Encode an unsigned number in groups of seven bits, the lowest first.

    Args:
        number: From 0 to 2^64 - 1.

    Raises:
        ValueError: It is negative.
    """
    if number < 0:
        raise ValueError(f"a varint is not negative: {number}")
    groups = bytearray()
    while number >= _MORE:
        groups.append(number & _SEVEN_BITS | _MORE)
        number >>= 7
    groups.append(number)
    return bytes(groups)


LENGTHS = tuple(varint(number) for number in range(1024))
"""Lengths that are known beforehand."""


def length(number: int) -> bytes:
    """Encode a length: as `varint`, but at once for short ones."""
    return LENGTHS[number] if number < len(LENGTHS) else varint(number)


def zigzag(number: int) -> bytes:
    """Encode a signed number of 32 bits so that small ones stay short (`sint32`)."""
    return varint((number << 1) ^ (number >> 31))


def tag(number: int, wire_type: int) -> bytes:
    """Return a field's tag."""
    return varint(number << 3 | wire_type)


def delimited(field_tag: bytes, body: bytes) -> bytes:
    """Return a field that holds bytes, text or a message."""
    return b"".join((field_tag, length(len(body)), body))


def utf8(text: str) -> bytes:
    """Encode text; halves of characters, which UTF-8 has no place for, are written out as escapes.

    Raises:
        TypeError: It is no text.
    """
    try:
        return str.encode(text)
    except UnicodeEncodeError:
        return str.encode(text, "utf-8", "backslashreplace")


def text_field(field_tag: bytes, text: Any) -> bytes:
    """Return a text field; nothing where the text is empty or `None`. What is no text is shown as `str` shows it."""
    if not text:
        return b""
    return delimited(field_tag, utf8(text if isinstance(text, str) else str(text)))


def count_field(field_tag: bytes, number: int) -> bytes:
    """Return a `uint32` field; nothing where the number is 0. What does not fit is brought within bounds."""
    return field_tag + varint(min(max(number, 0), UNSIGNED_32)) if number else b""


def time_field(field_tag: bytes, nanoseconds: int | None) -> bytes:
    """Return a `fixed64` field; nothing where the time is unknown, or is none that OTLP can carry."""
    try:
        number = int(nanoseconds or 0)
    except (TypeError, ValueError, OverflowError):
        return b""
    return field_tag + pack_fixed64(number) if 0 < number <= UNSIGNED_64 else b""


def double_field(field_tag: bytes, number: Any) -> bytes:
    """Return a `double` field with presence; nothing where there is no number."""
    return b"" if number is None else field_tag + pack_double(number)
