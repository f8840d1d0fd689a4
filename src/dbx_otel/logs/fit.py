# SPDX-License-Identifier: Apache-2.0
"""Makes what an app logs plain and small: text, numbers, booleans, None, lists, and dicts with text keys.

The result is valid both as JSON and as an OTLP AnyValue. Our own work is bounded by the room given: texts,
containers, bytes and dataclasses are cut on the way down, not after they have been written out. Any other object is
shown as it shows itself, so that types which hide a secret keep hiding it: its `str` is code of the app's, takes as
long and gets as large as it likes, and is cut afterwards.
"""

import math
import re
from collections import deque
from collections.abc import Iterable, Mapping
from enum import Enum
from itertools import islice
from types import MappingProxyType
from typing import Any, NamedTuple

from dbx_otel.characters import SURROGATES
from dbx_otel.logs.exception import exception_attributes
from dbx_otel.logs.record import LogEvent

CUT_MARK = "…"

_LONGEST_NAME = 256
_DEEPEST = 16
_NODE_COST = 6
_LARGEST_INTEGER_BITS = 63
_LONGEST_INTEGER_BITS = 1024
_SURROGATES = re.compile(f"[{SURROGATES}]")


class PlainEvent(NamedTuple):
    """A log event whose values are all plain.

    Attributes:
        timestamp: Nanoseconds since the epoch.
        severity_number: 1 to 24.
        severity_text: Name of the level.
        body: Plain value.
        logger: Name of the logger.
        attributes: Plain values by name, those of the exception among them.
        event_name: Name of the event class, if any.
        truncated: Whether something was left out.
    """

    timestamp: int
    severity_number: int
    severity_text: str
    body: Any
    logger: str
    attributes: dict[str, Any]
    event_name: str | None
    truncated: bool


class _Room:
    """How many characters may still be taken, and whether anything was left out for want of them."""

    __slots__ = ("cut", "left")

    def __init__(self, characters: int) -> None:
        self.left = characters
        self.cut = False


def fit(event: LogEvent, room: int) -> PlainEvent:
    """Make an event plain.

    Args:
        event: The event.
        room: Characters that body and attributes may take together, about.

    Returns:
        The event with `exception.*` among its attributes. Never raises.
    """
    space = _Room(room)
    attributes: Mapping[str, Any] = event.attributes
    if event.exception is not None:
        attributes = {**attributes, **exception_attributes(event.exception)}
    return PlainEvent(
        timestamp=event.timestamp,
        severity_number=event.severity_number,
        severity_text=_name(event.severity_text, space),
        body=_fit(event.body, space, ()),
        logger=_name(event.logger, space),
        attributes=_fit_items(attributes.items(), space, ()),
        event_name=_name(event.event_name, space) if event.event_name is not None else None,
        truncated=space.cut,
    )


def shrink(event: PlainEvent, room: int) -> PlainEvent:
    """Return a plain event with less in its body and attributes.

    Args:
        event: The event.
        room: Characters that the two may take together, about.
    """
    space = _Room(room)
    body = _fit(event.body, space, ())
    attributes = _fit_items(event.attributes.items(), space, ())
    return event._replace(body=body, attributes=attributes, truncated=event.truncated or space.cut)


def plain_text(value: Any) -> str:
    """Return a value as it shows itself, or a placeholder where that raises."""
    try:
        text = value if isinstance(value, str) and type(value).__str__ is str.__str__ else str(value)
        # A subclass of str may have methods of its own that raise: keep the characters only.
        return str.__str__(text)
    except Exception:
        return f"<unprintable {_type_name(value)}>"


def _fit(value: Any, space: _Room, path: tuple[int, ...]) -> Any:
    kind = type(value)
    if kind is str:
        return _text(value, space)
    space.left -= _NODE_COST
    if value is None or kind is bool:
        return value
    if kind is int:
        return _integer(value)
    if kind is float:
        return _float(value)
    try:
        return _fit_other(value, space, path)
    except Exception:
        return f"<unprintable {_type_name(value)}>"


def _fit_other(value: Any, space: _Room, path: tuple[int, ...]) -> Any:
    if id(value) in path:
        return "<cycle>"
    if len(path) >= _DEEPEST:
        space.cut = True
        return f"<{_type_name(value)}, too deep>"
    if isinstance(value, dict | list | tuple | set | frozenset | deque | MappingProxyType):
        return _container(value, space, path)
    inner = _inner(value)
    if inner is not value:
        return _fit(inner, space, (*path, id(value)))
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(value, space)
    shown = plain_text(value)
    return _text(f"{_type_name(value)}: {shown}" if isinstance(value, BaseException) else shown, space)


def _inner(value: Any) -> Any:
    """Return the plainer value that an object stands for; itself where there is none."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
        return value.item()
    fields = _shown_fields(value)
    return value if fields is None else {name: getattr(value, name, None) for name in fields}


def _container(value: Any, space: _Room, path: tuple[int, ...]) -> Any:
    inside = (*path, id(value))
    if isinstance(value, dict):
        # Not what a subclass may make of `items`.
        return _fit_items(dict.items(value), space, inside)
    if isinstance(value, MappingProxyType):
        return _fit_items(value.items(), space, inside)
    items: list[Any] = []
    for item in value:
        if space.left <= 0:
            space.cut = True
            break
        items.append(_fit(item, space, inside))
    return items


def _fit_items(items: Iterable[tuple[Any, Any]], space: _Room, path: tuple[int, ...]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    try:
        for key, value in items:
            if space.left <= 0:
                space.cut = True
                break
            plain[_name(key, space) or "_"] = _fit(value, space, path)
    except Exception:
        # Another thread changed the dict meanwhile, or its iterator raises: what was read is kept.
        space.cut = True
    return plain


def _text(value: str, space: _Room) -> str:
    # No single text takes all the room: what comes after it should still say something.
    most = max(space.left * 3 // 4, 0)
    if len(value) > most:
        value = value[:most] + CUT_MARK
        space.cut = True
    space.left -= len(value)
    return value if value.isascii() else _SURROGATES.sub("\ufffd", value)


def _name(value: Any, space: _Room) -> str:
    text = value if type(value) is str else plain_text(value)
    if len(text) > _LONGEST_NAME:
        text = text[:_LONGEST_NAME] + CUT_MARK
        space.cut = True
    space.left -= len(text)
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _integer(value: int) -> int | str:
    bits = value.bit_length()
    if bits <= _LARGEST_INTEGER_BITS:
        return value
    return str(value) if bits <= _LONGEST_INTEGER_BITS else f"<integer of {bits} bits>"


def _float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    # As the JSON form of protobuf writes them (ProtoJSON, "float, double").
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _bytes(value: bytes | bytearray | memoryview, space: _Room) -> str:
    most = max(space.left, 0) + 1
    head = value.cast("B")[:most] if isinstance(value, memoryview) else value[:most]
    return _text(bytes(head).decode("utf-8", "backslashreplace"), space)


def _shown_fields(value: Any) -> list[str] | None:
    """Return the fields that a dataclass's generated repr shows; `None` for all else."""
    kind = type(value)
    fields = getattr(kind, "__dataclass_fields__", None)
    # The generated __repr__ is wrapped against recursion, one that the app has written is not.
    generated = hasattr(kind.__repr__, "__wrapped__") and not any("__str__" in vars(base) for base in kind.__mro__[:-1])
    if fields is None or not generated:
        return None
    return [name for name, field in islice(fields.items(), _LONGEST_NAME) if field.repr]


def _type_name(value: Any) -> str:
    name = type.__dict__["__name__"].__get__(type(value))
    return str(name)[:_LONGEST_NAME]
