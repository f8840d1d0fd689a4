# SPDX-License-Identifier: Apache-2.0
"""How the text of a setting is read, by kind: what is allowed, what becomes of it, what of it may be shown."""

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit


class Kind(NamedTuple):
    """How a setting's text is read.

    Attributes:
        allowed: What may be written, as the docs and the messages say it.
        parse: Turns the text into the value; raises `ValueError` when it is none of those.
        public: Leaves out of the text what messages must not show.
    """

    allowed: str
    parse: Callable[[str], Any]
    public: Callable[[str], str] = str


def _flag(text: str) -> bool:
    word = text.lower()
    if word in {"true", "1", "yes", "on"}:
        return True
    if word in {"false", "0", "no", "off"}:
        return False
    raise ValueError(text)


_UNFIT = re.compile(r"[\s\x00-\x1f\x7f]")


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0 or _UNFIT.search(text):
        raise ValueError(text)
    return parts.scheme + text[len(parts.scheme) :]


def public_address(text: str) -> str:
    """Return an address as messages may show it: without user, password, query and fragment."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "an endpoint that is no address"
    if not host:
        return re.split("[?#]", text.rpartition("@")[2])[0]
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"


LEVELS: Final = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


def _level(text: str) -> int:
    if text.upper() not in LEVELS:
        raise ValueError(text)
    return LEVELS[text.upper()]


def choice(choices: type[StrEnum]) -> Kind:
    """Return the kind of a setting whose text is one of some words."""
    return Kind(" · ".join(choices), lambda text: choices(text.lower()))


def number(low: int, high: int) -> Kind:
    """Return the kind of a setting whose text is a number within bounds, both included."""

    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return Kind(f"a number from {low} to {high}", parse)


def _text(text: str) -> str:
    return text


FLAG: Final = Kind("true · false", _flag)
TEXT: Final = Kind("text", _text)
PATH: Final = Kind("a path", Path)
URL: Final = Kind("an http:// or https:// address", _url, public_address)
NAMES: Final = Kind("names with commas between them", _text)
LEVEL: Final = Kind("DEBUG · INFO · WARNING · ERROR · CRITICAL", _level)
