# SPDX-License-Identifier: Apache-2.0
"""Hands log events to OpenTelemetry's logger provider. Imports OpenTelemetry when the first one comes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry._logs import Logger, LoggerProvider

    from dbx_otel.logs.fit import PlainEvent

_MOST_LOGGERS = 1024

_SUPPRESSING = "suppress_instrumentation"
"""OpenTelemetry's older name of the key; the newer one is made unique to the process by the API."""


class OtlpOutlet:
    """Emits events through the logger provider.

    Args:
        get_logger_provider: Returns the provider, or `None` where log records go nowhere. Called with the
            first event and, as long as it says `None`, with each: it may start the SDK.
    """

    def __init__(self, get_logger_provider: Callable[[], LoggerProvider | None]) -> None:
        self._get_logger_provider = get_logger_provider
        self._provider: LoggerProvider | None = None
        self._loggers: dict[str, Logger] = {}
        self._record: Any = None
        self._severity: Any = None

    def provider(self) -> LoggerProvider | None:
        """Return the provider, or `None` as long as events go nowhere; may start the SDK. `emit` takes it."""
        if self._provider is None:
            provider = self._get_logger_provider()
            if provider is None:
                return None
            from opentelemetry._logs import LogRecord, SeverityNumber

            self._record, self._severity, self._provider = LogRecord, SeverityNumber, provider
        return self._provider

    def emit(self, event: PlainEvent, provider: LoggerProvider) -> None:
        """Emit one event in the current context.

        Args:
            event: The event.
            provider: What `provider` has returned.
        """
        logger = self._loggers.get(event.logger)
        if logger is None:
            if len(self._loggers) >= _MOST_LOGGERS:
                self._loggers.clear()
            logger = self._loggers[event.logger] = provider.get_logger(event.logger)
        record = self._record(
            timestamp=event.timestamp,
            severity_number=self._severity(event.severity_number),
            severity_text=event.severity_text,
            body=event.body,
            attributes=event.attributes,
            event_name=event.event_name,
        )
        logger.emit(record)


def is_suppressed() -> bool:
    """Tell whether OpenTelemetry itself is at work here, so that telemetry of it would feed on itself."""
    context = sys.modules.get("opentelemetry.context")
    if context is None:
        return False
    key = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", _SUPPRESSING)
    get_value = getattr(context, "get_value", None)
    return get_value is not None and bool(get_value(key) or get_value(_SUPPRESSING))
