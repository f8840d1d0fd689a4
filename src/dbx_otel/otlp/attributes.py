# SPDX-License-Identifier: Apache-2.0
"""A repeated field of attributes: the same names and values come again and again, and are encoded once."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from dbx_otel.otlp import values, wire
from dbx_otel.otlp.kept import LONGEST_KEPT, Kept

_MOST_NAMES: Final = 128
"""Names whose values are kept, for each field and type of values."""


def pairs(attributes: Any) -> Iterable[tuple[Any, Any]]:
    """Return attributes as (name, value) pairs.

    Args:
        attributes: A mapping, a tuple of pairs, or `None`.
    """
    if not attributes:
        return ()
    if isinstance(attributes, tuple):
        return attributes
    if type(attributes) is not dict:
        attributes = _copy(attributes)
    return attributes.items()  # type: ignore[no-any-return]  # a mapping's


def _copy(attributes: Any) -> Any:
    # The SDK's attributes copy themselves at once; going through their items takes a lock and a call for each.
    copy = getattr(attributes, "copy", None)
    return copy() if copy is not None else dict(attributes)


class AttributeField:
    """A repeated field of KeyValue.

    Args:
        number: The field's number.
    """

    __slots__ = ("_kept", "_tag")

    def __init__(self, number: int) -> None:
        self._tag = wire.tag(number, wire.LENGTH_DELIMITED)
        # By type first: 1, 1.0 and True are equal, and are three different values to OTLP.
        self._kept = {
            str: _Names(self._tag, values.text_key_value),
            int: _Names(self._tag, partial(_key_value, values.PLAIN[int])),
            bool: _Names(self._tag, partial(_key_value, values.PLAIN[bool])),
        }

    def append_to(self, parts: list[bytes], attributes: Any) -> None:
        """Append each attribute. One whose name cannot be shown is left out.

        Args:
            parts: Takes the encoded attributes.
            attributes: A mapping, a tuple of pairs, or `None`.
        """
        append = parts.append
        kept = self._kept
        for name, value in pairs(attributes):
            names = kept.get(type(value))
            append(self._encode(name, value) if names is None else names[name][value])

    def _encode(self, name: Any, value: Any) -> bytes:
        try:
            return values.key_value(self._tag, values.key_field(name), values.any_value(value))
        except Exception:
            # A name of the app's own making; the other attributes are none the worse.
            return b""


class _Names(dict[str, Kept]):
    """By attribute name, the encoded attributes of one type of values.

    Args:
        tag: The field's tag.
        encode: Returns an attribute, of the field's tag, the key and a value of the type.
    """

    __slots__ = ("_encode", "_tag")

    def __init__(self, tag: bytes, encode: Callable[[bytes, bytes, Any], bytes]) -> None:
        super().__init__()
        self._tag = tag
        self._encode = encode

    def __missing__(self, name: str) -> Kept:
        of_name = Kept(partial(self._encode, self._tag, values.key_field(name)))
        if type(name) is str and len(name) <= LONGEST_KEPT:
            if len(self) >= _MOST_NAMES:
                self.clear()
            self[name] = of_name
        return of_name


def _key_value(encode: Callable[[Any], bytes], tag: bytes, key: bytes, value: Any) -> bytes:
    return values.key_value(tag, key, encode(value))
