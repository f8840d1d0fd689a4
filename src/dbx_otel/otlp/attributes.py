# SPDX-License-Identifier: Apache-2.0
"""A repeated field of attributes: the same names and values come again and again, so they are encoded once.

An attribute costs two to three look-ups in place of an encoding. What is kept is bounded, and short values only.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from dbx_otel.otlp import wire
from dbx_otel.otlp.values import any_value, key_value

_MOST_KEPT: Final = 1024
"""Attributes kept encoded for each field; some 300 bytes each."""
_LONGEST_KEPT: Final = 128
"""Bytes of an encoded attribute that is kept: longer ones hardly come again."""


def pairs(attributes: Any) -> Iterable[tuple[Any, Any]]:
    """Return attributes as (name, value) pairs that nobody changes meanwhile.

    Args:
        attributes: A mapping, a tuple of pairs, or `None`.
    """
    if not attributes:
        return ()
    kind = type(attributes)
    if kind is dict:
        return attributes.items()  # type: ignore[no-any-return] -- a dict's, as the line above says
    if kind is tuple:
        return attributes  # type: ignore[no-any-return] -- pairs, as the docstring says
    # The SDK's attributes copy themselves at once; going through their items takes a lock and a call for each.
    copy = getattr(attributes, "copy", None)
    return (copy() if copy is not None else dict(attributes)).items()  # type: ignore[no-any-return] -- as above


class AttributeField:
    """A repeated field of KeyValue.

    Args:
        number: The field's number.
    """

    __slots__ = ("_kept", "_number_of_kept", "_tag")

    def __init__(self, number: int) -> None:
        self._tag = wire.tag(number, wire.LENGTH_DELIMITED)
        self._number_of_kept = 0
        # By type first: 1, 1.0 and True are equal, and are three different values to OTLP.
        self._kept: dict[type, _Names] = {kind: _Names(self) for kind in (str, int, bool)}

    def append_to(self, parts: list[bytes], attributes: Mapping[str, Any] | Any) -> None:
        """Append each attribute. One that cannot be read is left out.

        Args:
            parts: Takes the encoded attributes.
            attributes: A mapping, a tuple of pairs, or `None`.
        """
        append = parts.append
        kept = self._kept
        for name, value in pairs(attributes):
            names = kept.get(type(value))
            append(self.encode(name, value) if names is None else names[name][value])

    def encode(self, name: str, value: Any) -> bytes:
        """Return one attribute; nothing where its name cannot be shown."""
        try:
            return wire.delimited(self._tag, key_value(name, any_value(value)))
        except Exception:
            # A name of the app's own making; the other attributes are none the worse.
            return b""

    def make_room(self) -> None:
        """Count one more that is kept; forget all of them when they are too many."""
        self._number_of_kept += 1
        if self._number_of_kept > _MOST_KEPT:
            self._number_of_kept = 0
            for names in self._kept.values():
                names.clear()


class _Names(dict[str, "_Values"]):
    """By attribute name, what is kept of one type of values."""

    __slots__ = ("_field",)

    def __init__(self, field: AttributeField) -> None:
        super().__init__()
        self._field = field

    def __missing__(self, name: str) -> "_Values":
        values = _Values(self._field, name)
        if type(name) is str and len(name) <= _LONGEST_KEPT:
            self._field.make_room()
            self[name] = values
        return values


class _Values(dict[Any, bytes]):
    """By value, an attribute of one name and type."""

    __slots__ = ("_field", "_name")

    def __init__(self, field: AttributeField, name: str) -> None:
        super().__init__()
        self._field = field
        self._name = name

    def __missing__(self, value: Any) -> bytes:
        encoded = self._field.encode(self._name, value)
        if len(encoded) <= _LONGEST_KEPT:
            self._field.make_room()
            self[value] = encoded
        return encoded
