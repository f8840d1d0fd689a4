# SPDX-License-Identifier: Apache-2.0
"""Where log events go to be sent: to the light pipeline, or to a logger provider of OpenTelemetry's SDK."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from dbx_otel.otlp.model import LogRecord, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry._logs import LoggerProvider

    from dbx_otel.logs.fit import PlainEvent
    from dbx_otel.logs.limits import LogLimits
    from dbx_otel.otlp.model import Resource

_MOST_LOGGERS = 1024

_SUPPRESSING = "suppress_instrumentation"
"""OpenTelemetry's older name of the key; the newer one is made unique to the process by the API."""


class Outlet(Protocol):
    """Takes log events that are to be sent."""

    def emit(self, event: PlainEvent) -> None:
        """Take one event, made in the current context."""


class LightOutlet:
    """Hands events on as records of ours. Does not import OpenTelemetry's API: whoever makes spans has.

    Args:
        on_emit: Takes the records.
        resource: Where they come from.
        attributes: Returns what is known of the person behind what is under way here.
        limits: How much a record may bear.
    """

    def __init__(
        self,
        on_emit: Callable[[LogRecord], None],
        resource: Resource,
        attributes: Callable[[], Mapping[str, Any]],
        limits: LogLimits,
    ) -> None:
        self._on_emit = on_emit
        self._resource = resource
        self._attributes = attributes
        self._limits = limits
        self._scopes: dict[str, Scope] = {}

    def emit(self, event: PlainEvent) -> None:
        """Take one event, made in the current context."""
        trace_id, span_id, trace_flags = current_trace()
        attributes, dropped = self._limits.apply(event.attributes)
        self._on_emit(
            LogRecord(
                timestamp=event.timestamp,
                observed_timestamp=time.time_ns(),
                body=event.body,
                # What the proxy says of the person wins over what a record says.
                attributes={**attributes, **self._attributes()},
                instrumentation_scope=self._scope(event.logger),
                resource=self._resource,
                trace_id=trace_id,
                span_id=span_id,
                trace_flags=trace_flags,
                severity_number=event.severity_number,
                severity_text=event.severity_text,
                event_name=event.event_name,
                dropped_attributes=dropped,
            )
        )

    def _scope(self, name: str) -> Scope:
        scope = self._scopes.get(name)
        if scope is None:
            if len(self._scopes) >= _MOST_LOGGERS:
                self._scopes.clear()
            scope = self._scopes[name] = Scope(name)
        return scope


class SdkOutlet:
    """Hands events to a logger provider of the SDK.

    Args:
        provider: The provider.
    """

    def __init__(self, provider: LoggerProvider) -> None:
        from opentelemetry._logs import LogRecord as ApiLogRecord
        from opentelemetry._logs import SeverityNumber

        self._provider = provider
        self._loggers: dict[str, Any] = {}
        self._record, self._severity = ApiLogRecord, SeverityNumber

    def emit(self, event: PlainEvent) -> None:
        """Take one event, made in the current context."""
        logger = self._loggers.get(event.logger)
        if logger is None:
            if len(self._loggers) >= _MOST_LOGGERS:
                self._loggers.clear()
            logger = self._loggers[event.logger] = self._provider.get_logger(event.logger)
        record = self._record(
            timestamp=event.timestamp,
            severity_number=self._severity(event.severity_number),
            severity_text=event.severity_text,
            body=event.body,
            attributes=event.attributes,
            event_name=event.event_name,
        )
        logger.emit(record)


def current_trace() -> tuple[int, int, int]:
    """Return trace id, span id and trace flags of the current span; zeros where there is none."""
    trace = sys.modules.get("opentelemetry.trace")
    get_current_span = getattr(trace, "get_current_span", None)
    if get_current_span is None:
        return 0, 0, 0
    context = get_current_span().get_span_context()
    return context.trace_id, context.span_id, context.trace_flags


def is_suppressed() -> bool:
    """Tell whether OpenTelemetry itself is at work here, so that telemetry of it would feed on itself."""
    context = sys.modules.get("opentelemetry.context")
    if context is None:
        return False
    key = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", _SUPPRESSING)
    get_value = getattr(context, "get_value", None)
    return get_value is not None and bool(get_value(key) or get_value(_SUPPRESSING))
