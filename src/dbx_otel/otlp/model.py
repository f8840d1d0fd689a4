# SPDX-License-Identifier: Apache-2.0
"""What telemetry of ours is made of, in the shapes of OpenTelemetry's SDK, without importing it.

Spans, log records and metrics bear these; the encoder reads either these or the SDK's by the same names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Resource:
    """Where telemetry comes from. Compared by identity: a process has one.

    Attributes:
        attributes: Attributes of the process.
        schema_url: Schema of their names; empty where there is none.
    """

    __slots__ = ("attributes", "schema_url")

    def __init__(self, attributes: Mapping[str, Any], schema_url: str = "") -> None:
        self.attributes = attributes
        self.schema_url = schema_url


class Scope:
    """Which library made telemetry (OpenTelemetry specification, "Instrumentation Scope"). Compared by identity.

    Attributes:
        name: Name of the library.
        version: Its version, if known.
        schema_url: Schema of the names it uses, if any.
        attributes: Attributes of the scope.
    """

    __slots__ = ("attributes", "name", "schema_url", "version")

    def __init__(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.schema_url = schema_url
        self.attributes = attributes if attributes is not None else _NOTHING


@dataclass(slots=True, kw_only=True, eq=False)
class LogRecord:
    """A log record on its way out (log data model). The caller changes nothing of it once it has been handed on.

    Attributes:
        timestamp: Nanoseconds since the epoch; `None` where unknown.
        observed_timestamp: Nanoseconds since the epoch at which it came to us.
        trace_id: Trace id; 0 where there is none.
        span_id: Span id; 0 where there is none.
        trace_flags: W3C trace flags.
        severity_number: 1 to 24; `None` or 0 where unknown.
        severity_text: The library's own name of the level.
        body: The message, or any value that OTLP can carry.
        attributes: Attributes.
        dropped_attributes: How many attributes were left out for limits.
        event_name: Name of the event class, if it is an event.
        instrumentation_scope: Which logger made it.
        resource: Where it comes from.
    """

    timestamp: int | None
    observed_timestamp: int
    body: Any
    attributes: Mapping[str, Any]
    instrumentation_scope: Any
    resource: Any
    trace_id: int = 0
    span_id: int = 0
    trace_flags: int = 0
    severity_number: int | None = None
    severity_text: str | None = None
    event_name: str | None = None
    dropped_attributes: int = 0
