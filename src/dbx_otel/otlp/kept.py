# SPDX-License-Identifier: Apache-2.0
"""Encodings that are kept because the same values come again and again."""

from collections.abc import Callable
from typing import Any, Final

MOST_KEPT: Final = 128
"""Values kept. Where more come, the others are encoded each time: they are most likely all different."""
LONGEST_KEPT: Final = 128
"""Bytes of an encoding that is kept."""
_FORGET_AFTER: Final = 1024
"""Values not found until all are forgotten: who works in the evening is not who worked in the morning."""


class Kept(dict[Any, bytes]):
    """Encodings by value: `kept[value]` is one look-up where the value has come before.

    Values that are equal must have the same encoding.

    Args:
        encode: Returns a value's encoding.
    """

    __slots__ = ("_encode", "_not_found")

    def __init__(self, encode: Callable[[Any], bytes]) -> None:
        super().__init__()
        self._encode = encode
        self._not_found = 0

    def __missing__(self, value: Any) -> bytes:
        encoded = self._encode(value)
        self._not_found += 1
        if self._not_found <= MOST_KEPT:
            if len(encoded) <= LONGEST_KEPT:
                self[value] = encoded
        elif self._not_found >= _FORGET_AFTER:
            self._not_found = 0
            self.clear()
        return encoded
