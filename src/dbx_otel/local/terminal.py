# SPDX-License-Identifier: Apache-2.0
"""Text for a terminal: whether to colour, how wide a text is, and telemetry made harmless to show."""

import os
import unicodedata
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TextIO

_WIDE = frozenset("WF")
_ELLIPSIS = "…"


class Style(StrEnum):
    """What a piece of text means; the value is its SGR code (ECMA-48 §8.3.117)."""

    PLAIN = ""
    STRONG = "1"
    DIM = "2"
    BAD = "31"
    GOOD = "32"
    WARNING = "33"
    PERSON = "36"


Paint = Callable[[str, Style], str]


def painter(colour: bool) -> Paint:
    """Return a function that styles text, or leaves it as it is."""

    def paint(text: str, style: Style) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if colour and style and text else text

    return paint


def wants_colour(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether to colour: on a terminal that is not dumb, unless NO_COLOR is set (no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def clean(text: object) -> str:
    """Return text from outside on one line; what could steer the terminal or hide text becomes an escape."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in str(text))


def width_of(text: str) -> int:
    """Return how many columns a clean text takes: two for a wide letter (Unicode TR11), none for a mark."""
    if text.isascii():
        return len(text)
    return sum(_columns(letter) for letter in text)


def fit(text: str, columns: int) -> str:
    """Return a clean text cut or padded to exactly so many columns; a cut ends in an ellipsis."""
    if columns <= 0:
        return ""
    missing = columns - width_of(text)
    if missing >= 0:
        return text + " " * missing
    kept, used = [], 0
    for letter in text:
        used += _columns(letter)
        if used > columns - 1:
            used -= _columns(letter)
            break
        kept.append(letter)
    return "".join(kept) + _ELLIPSIS + " " * (columns - 1 - used)


def _columns(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in _WIDE else 1
