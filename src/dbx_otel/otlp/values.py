# SPDX-License-Identifier: Apache-2.0
"""OTLP's AnyValue (`opentelemetry.proto.common.v1`): any value that an app hands to telemetry, as bytes.

What OTLP has no form for becomes text: other objects as they show themselves, numbers beyond 64 bits, what is nested
too deep and what comes after too many values.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from dbx_otel.otlp import wire

DEEPEST = 30
"""Levels of containers. Each takes three messages of the hundred that readers of Protocol Buffers allow by default."""
MOST_VALUES = 16_384
"""Values within one value: a container that holds another twice, and so on, would have no end."""
LONGEST_SHOWN = 16_384
"""Characters of what an object shows of itself."""
LEFT_OUT = "…"
"""Stands for what is nested too deep, or is too much."""

_STRING = wire.tag(1, wire.LENGTH_DELIMITED)
_BOOL = wire.tag(2, wire.VARINT)
_INT = wire.tag(3, wire.VARINT)
_DOUBLE = wire.tag(4, wire.FIXED64)
_ARRAY = wire.tag(5, wire.LENGTH_DELIMITED)
_KEY_VALUE_LIST = wire.tag(6, wire.LENGTH_DELIMITED)
_BYTES = wire.tag(7, wire.LENGTH_DELIMITED)
_REPEATED = wire.tag(1, wire.LENGTH_DELIMITED)
_KEY = wire.tag(1, wire.LENGTH_DELIMITED)
_VALUE = wire.tag(2, wire.LENGTH_DELIMITED)
_TRUE, _FALSE = _BOOL + b"\x01", _BOOL + b"\x00"
_SHORT = len(wire.LENGTHS) - 16
"""Bytes of a key and a text whose lengths, with those around them, are known beforehand."""
_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1


def any_value(value: Any) -> bytes:
    """Return the content of an AnyValue. Never raises for what an app may hand over.

    Args:
        value: Anything; `None` is an AnyValue without a value.
    """
    plain = PLAIN.get(type(value))
    return plain(value) if plain is not None else _Walk().encode(value, 0)


def key_field(name: Any) -> bytes:
    """Return the first field of a KeyValue. What is no text is shown as `str` shows it.

    Raises:
        Exception: The name cannot be shown.
    """
    return wire.delimited(_KEY, wire.utf8(name if isinstance(name, str) else str(name)))


def key_value(tag: bytes, key: bytes, value: bytes) -> bytes:
    """Return a field that holds a KeyValue.

    Args:
        tag: The field's tag.
        key: What `key_field` has returned.
        value: The content of an AnyValue.
    """
    size = wire.length(len(value))
    return b"".join((tag, wire.length(len(key) + 1 + len(size) + len(value)), key, _VALUE, size, value))


def text_key_value(tag: bytes, key: bytes, text: str) -> bytes:
    """As `key_value`, of a text: in one go, as most attributes are texts.

    Args:
        tag: The field's tag.
        key: What `key_field` has returned.
        text: The value.
    """
    data = wire.utf8(text)
    size = len(data)
    if size + len(key) > _SHORT:
        return key_value(tag, key, _text(text))
    lengths = wire.LENGTHS
    of_text = lengths[size]
    size += 1 + len(of_text)
    of_value = lengths[size]
    of_pair = lengths[len(key) + 1 + len(of_value) + size]
    return b"".join((tag, of_pair, key, _VALUE, of_value, _STRING, of_text, data))


def _text(value: str) -> bytes:
    data = wire.utf8(value)
    return b"".join((_STRING, wire.length(len(data)), data))


def _boolean(value: bool) -> bytes:
    return _TRUE if value else _FALSE


def _integer(value: int) -> bytes:
    number = int.__int__(value)  # an enumeration's member may show itself as something else
    if _LOWEST <= number <= _HIGHEST:
        return _INT + wire.varint(number & wire.UNSIGNED_64)
    return _text(_shown(number))


def _double(value: float) -> bytes:
    return _DOUBLE + wire.pack_double(value)


def _bytes(value: bytes) -> bytes:
    return wire.delimited(_BYTES, bytes(value))


def _nothing(_value: None) -> bytes:
    return b""


PLAIN: dict[type, Callable[[Any], bytes]] = {
    str: _text,
    bool: _boolean,
    int: _integer,
    float: _double,
    bytes: _bytes,
    type(None): _nothing,
}
"""By type, what returns the content of an AnyValue."""


def _shown(value: Any) -> str:
    try:
        return str(value)[:LONGEST_SHOWN]
    except Exception:
        # An object of the app's that cannot be shown, or a number of more digits than Python writes out.
        return f"<{type(value).__name__}>"


class _Walk:
    """One way through a container, bounded in depth and in the number of values."""

    __slots__ = ("_room",)

    def __init__(self) -> None:
        self._room = MOST_VALUES

    def encode(self, value: Any, depth: int) -> bytes:
        self._room -= 1
        if self._room < 0:
            return _text(LEFT_OUT)
        plain = PLAIN.get(type(value))
        if plain is not None:
            return plain(value)
        try:
            return self._other(value, depth)
        except Exception:
            # A container of the app's that cannot be read.
            return _text(_shown(value))

    def _other(self, value: Any, depth: int) -> bytes:
        for kind in (str, int, float, bytes):
            if isinstance(value, kind):
                return PLAIN[kind](value)
        is_sequence = isinstance(value, Sequence)
        if not is_sequence and not isinstance(value, Mapping):
            return _text(_shown(value))
        if depth >= DEEPEST:
            return _text(LEFT_OUT)
        if is_sequence:
            parts = [wire.delimited(_REPEATED, self.encode(each, depth + 1)) for each in self._of(value)]
            return wire.delimited(_ARRAY, b"".join(parts))
        encode = partial(self.encode, depth=depth + 1)
        pairs = [key_value(_REPEATED, key_field(name), encode(value[name])) for name in self._of(value)]
        return wire.delimited(_KEY_VALUE_LIST, b"".join(pairs))

    def _of(self, values: Any) -> Iterator[Any]:
        """Return what a container holds, as far as there is room; one more shows that there was not."""
        for each in values:
            yield each
            if self._room < 0:
                return
