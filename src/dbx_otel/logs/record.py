# SPDX-License-Identifier: Apache-2.0
"""The log event that every logging library's record becomes, and where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True, kw_only=True)
class LogEvent:
    """One log record, free of the library that made it.

    Attributes:
        timestamp: Nanoseconds since the epoch.
        severity_number: OpenTelemetry severity number, 1 to 24 (log data model, "Field: SeverityNumber").
        severity_text: The library's own name of the level, in capitals.
        body: The message, or any object that the library was given.
        logger: Name of the logger; becomes the instrumentation scope.
        attributes: What was said beside the message. Values may be anything; `fit` makes them plain.
        exception: The exception that was logged, if any; `fit` makes attributes of it.
        event_name: Name of the event class, if the record is an event (log data model, "Field: EventName").
        template: The message before values were put in, where it is known: tells repetitions apart.
    """

    timestamp: int
    severity_number: int
    severity_text: str
    body: Any
    logger: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    exception: BaseException | None = None
    event_name: str | None = None
    template: str | None = None


class Origin(NamedTuple):
    """Where a record came from; what is not known is empty.

    Attributes:
        trace_id: Trace id in hex.
        span_id: Span id in hex.
        user: `id`, `email`, `name`, or `hash` alone.
        client_address: Address of the person's machine.
        resource: Short form of the resource.
    """

    trace_id: str = ""
    span_id: str = ""
    user: Mapping[str, str] = _NOTHING
    client_address: str | None = None
    resource: Mapping[str, str] = _NOTHING
