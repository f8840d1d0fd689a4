# SPDX-License-Identifier: Apache-2.0
"""The log event that every logging library's record becomes, before it goes to standard output and over OTLP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class LogEvent:
    """One log record, free of the library that made it.

    Attributes:
        timestamp: Nanoseconds since the epoch.
        severity_number: OpenTelemetry severity number, 1 to 24 (log data model, "Field: SeverityNumber").
        severity_text: The library's own name of the level.
        body: The message, or any object that the library was given.
        logger: Name of the logger; becomes the instrumentation scope.
        attributes: What was said beside the message. Values may be anything; each outlet makes them fit.
        exception: The exception that was logged, if any; outlets add `exception.type`, `.message`, `.stacktrace`.
        event_name: Name of the event class, if the record is an event (log data model, "Field: EventName").
    """

    timestamp: int
    severity_number: int
    severity_text: str
    body: Any
    logger: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    exception: BaseException | None = None
    event_name: str | None = None
