# SPDX-License-Identifier: Apache-2.0
"""An event dict of structlog as a log event."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from dbx_otel.logs.record import LogEvent
from dbx_otel.logs.severity import LEVEL_OF_METHOD, severity_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

_FALLBACK_LEVEL = 20

# What structlog's processors add that a log event has a place of its own for.
TOLD_ELSEWHERE = ("event", "level", "log_level", "level_number", "logger", "logger_name", "timestamp")
_META = ("_record", "_from_structlog", "exc_info", "exception", "stack_info", "stack")


class Rendered(str):  # noqa: SLOT000 -- structlog and `logging` treat it as the text that it is
    """The line that the app's renderer made of an event dict, with the event that it was made of.

    Attributes:
        event: The event.
        is_delivered: Whether the event has been delivered already.
    """

    event: LogEvent
    is_delivered: bool


def rendered(text: str, event: LogEvent, *, is_delivered: bool) -> Rendered:
    """Return a rendered line that remembers its event.

    Args:
        text: The line.
        event: What it was made of.
        is_delivered: Whether the event has been delivered already.
    """
    line = Rendered(text)
    line.event = event
    line.is_delivered = is_delivered
    return line


def event_of(event_dict: Mapping[str, Any], method: str, logger: str, frame: FrameType | None) -> LogEvent:
    """Return an event dict as a log event.

    Args:
        event_dict: What the app's processors have made of the event so far.
        method: Name of the method that was called on the logger.
        logger: Name of the logger; what the event dict says goes before it.
        frame: Where the logger was called, if it is known.
    """
    attributes = {name: value for name, value in event_dict.items() if name not in TOLD_ELSEWHERE and name not in _META}
    level_name = str(event_dict.get("level", method)).lower()
    if level_name not in LEVEL_OF_METHOD:
        level_name = method
    exception = _exception(event_dict.get("exc_info"))
    if exception is None and event_dict.get("exception"):
        # A processor has made text (or, with dict_tracebacks, a structure) of it already.
        shown = event_dict["exception"]
        attributes["exception.stacktrace" if isinstance(shown, str) else "exception"] = shown
    stack = event_dict.get("stack")
    if stack:
        attributes["code.stacktrace"] = stack
    if frame is not None:
        attributes["code.file.path"] = frame.f_code.co_filename
        attributes["code.line.number"] = frame.f_lineno
        attributes["code.function.name"] = frame.f_code.co_name
    return LogEvent(
        timestamp=time.time_ns(),
        severity_number=severity_number(LEVEL_OF_METHOD.get(level_name, _FALLBACK_LEVEL)),
        severity_text=_severity_text(level_name),
        body=event_dict.get("event"),
        logger=str(event_dict.get("logger") or event_dict.get("logger_name") or logger),
        attributes=attributes,
        exception=exception,
    )


def _severity_text(level_name: str) -> str:
    """Return the name that `logging` has for a level, so that one app does not speak of `WARN` and `WARNING`."""
    names = {5: "TRACE", 10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
    return names[LEVEL_OF_METHOD.get(level_name, _FALLBACK_LEVEL)]


def _exception(value: Any) -> BaseException | None:
    if isinstance(value, BaseException):
        return value
    if isinstance(value, tuple):
        return next((part for part in value if isinstance(part, BaseException)), None)
    return sys.exc_info()[1] if value else None
