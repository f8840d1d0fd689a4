# SPDX-License-Identifier: Apache-2.0
"""A log event as a line for people: `2026-11-23T10:00:00.123Z INFO     shop  message  key=value user=…`.

Line breaks in the message and the stack trace become lines of their own, indented: whatever stands at the
start of a line is a record. Other control characters and invisible ones are escaped: a message cannot steer the
terminal, nor look like another.
"""

import re
from typing import Any

from dbx_otel.characters import UNSEEN
from dbx_otel.logs.fit import CUT_MARK, PlainEvent
from dbx_otel.logs.record import Origin
from dbx_otel.logs.time_text import rfc3339

_CONTROLS = re.compile(f"[\x00-\x08\x0b-\x1f{UNSEEN}]")
_LINE_BREAKS = re.compile("\r\n|\r|\n")
_INDENT = "\n    "
_LEAST_QUOTED = re.compile(r"[\s\"=]")

_STACKTRACES = ("exception.stacktrace", "code.stacktrace")
_NOT_SHOWN = ("code.", "thread.", "exception.")
"""Attributes that a person does not need on each line; the stack trace tells those of an exception."""


def text_line(event: PlainEvent, origin: Origin, max_bytes: int, *, ascii_only: bool = False) -> str:
    """Return an event as one line for people, with indented lines below it where it needs them.

    Args:
        event: The event.
        origin: Where it came from.
        max_bytes: Longest text in bytes of UTF-8, all its lines together; what is longer is cut.
        ascii_only: Whether the outlet can take nothing but ASCII.
    """
    head = f"{rfc3339(event.timestamp, 'milliseconds')} {event.severity_text:<8} {event.logger}"
    tail = " ".join(f"{name}={_value(value)}" for name, value in _shown(event, origin).items())
    parts = [head, _shown_text(event.body), tail]
    text = "  ".join(part for part in parts if part)
    for name in _STACKTRACES:
        if name in event.attributes:
            text += "\n" + str(event.attributes[name]).rstrip()
    text = _CONTROLS.sub(_escape, _LINE_BREAKS.sub(_INDENT, text))
    if ascii_only:
        text = text.encode("ascii", "backslashreplace").decode("ascii")
    return _cut(text, max_bytes)


def _shown(event: PlainEvent, origin: Origin) -> dict[str, Any]:
    shown = {name: value for name, value in event.attributes.items() if not name.startswith(_NOT_SHOWN)}
    if event.event_name:
        shown["event"] = event.event_name
    user = origin.user.get("email") or origin.user.get("id") or origin.user.get("hash")
    if user:
        shown["user"] = user
    if origin.trace_id:
        shown["trace"] = origin.trace_id
    return shown


def _value(value: Any) -> str:
    text = _shown_text(value)
    return repr(text) if not text or _LEAST_QUOTED.search(text) else text


def _shown_text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode("ascii")


def _cut(text: str, max_bytes: int) -> str:
    if len(text) * 4 <= max_bytes:
        return text
    encoded = text.encode("utf-8")
    if len(encoded) <= max_bytes:
        return text
    mark = CUT_MARK if not text.isascii() else "..."
    return encoded[: max_bytes - len(mark.encode())].decode("utf-8", "ignore") + mark
