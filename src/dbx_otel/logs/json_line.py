# SPDX-License-Identifier: Apache-2.0
"""A log event as one line of JSON: always valid, never too long. The keys are listed in docs/logs.md."""

import re
from collections.abc import Iterator
from json import JSONEncoder
from typing import Any

from dbx_otel.characters import SURROGATES, UNSEEN
from dbx_otel.logs.fit import PlainEvent, shrink
from dbx_otel.logs.record import Origin
from dbx_otel.logs.time_text import rfc3339

_encode = JSONEncoder(ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")).encode

# What JSON leaves as it is.
_TREACHEROUS = re.compile(f"[{UNSEEN}{SURROGATES}]")
_NOT_ASCII = re.compile("[^\x00-\x7f]")

_LEAST_ROOM = 64
_LONGEST_SEVERITY = 32


def json_line(event: PlainEvent, origin: Origin, max_bytes: int, *, ascii_only: bool = False) -> str:
    """Return an event as one JSON object on one line, without the line break.

    Args:
        event: The event.
        origin: Where it came from.
        max_bytes: Longest line in bytes of UTF-8. Body and attributes are cut until the line fits; where what
            is left is still too long, resource, then user and client are left out. Whatever is cut or left
            out, the line says `"truncated":true`.
        ascii_only: Whether the outlet can take nothing but ASCII.
    """
    for known in _ever_less(origin):
        plain = event if known is origin else event._replace(truncated=True)
        room = max_bytes
        while room >= _LEAST_ROOM:
            line = _line(plain, known, ascii_only=ascii_only)
            size = _size(line)
            if size <= max_bytes:
                return line
            room = min(room * 7 // 8, room * max_bytes // size)
            plain = shrink(plain, room)
    return _last_resort(event, origin)


def _ever_less(origin: Origin) -> Iterator[Origin]:
    yield origin
    yield origin._replace(resource={})
    yield Origin(trace_id=origin.trace_id, span_id=origin.span_id)


def _line(event: PlainEvent, origin: Origin, *, ascii_only: bool) -> str:
    fields: dict[str, Any] = {
        "timestamp": rfc3339(event.timestamp),
        "severity": event.severity_text,
        "body": event.body,
        "logger": event.logger,
        "trace_id": origin.trace_id,
        "span_id": origin.span_id,
        "user": dict(origin.user),
        "client": {"address": origin.client_address} if origin.client_address else None,
        "event_name": event.event_name,
        "attributes": event.attributes,
        "resource": dict(origin.resource),
        "truncated": event.truncated,
    }
    # What is absent is absent, not null; a body of 0, "" or {} is what the app has said.
    line = _encode({key: value for key, value in fields.items() if value or (key == "body" and value is not None)})
    if line.isascii() and "\x7f" not in line:
        return line
    # Outside strings JSON is ASCII, so whatever is found here stands inside a string.
    line = _TREACHEROUS.sub(_escape, line)
    return _NOT_ASCII.sub(_escape, line) if ascii_only else line


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if "\ud800" <= character <= "\udfff":
        character = "\ufffd"  # half a character: readers refuse it even when it is escaped
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _size(line: str) -> int:
    return len(line) if line.isascii() else len(line.encode("utf-8"))


def _last_resort(event: PlainEvent, origin: Origin) -> str:
    """Return what is left when names alone fill the line."""
    bare = PlainEvent(
        timestamp=event.timestamp,
        severity_number=event.severity_number,
        severity_text=event.severity_text[:_LONGEST_SEVERITY],
        body="",
        logger="",
        attributes={},
        event_name=None,
        truncated=True,
    )
    return _line(bare, Origin(trace_id=origin.trace_id, span_id=origin.span_id), ascii_only=True)
