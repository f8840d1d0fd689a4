# SPDX-License-Identifier: Apache-2.0
"""The logger provider that OpenTelemetry's API hands out: records bear who they are made for, and go straight out.

Code that expects the SDK's provider and adds a processor gets the SDK's, from then on and at its price.
"""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from opentelemetry import _logs
from opentelemetry.context import Context
from opentelemetry.trace import get_current_span

from dbx_otel import diagnostics
from dbx_otel.logs.exception import exception_attributes
from dbx_otel.logs.limits import LogLimits
from dbx_otel.otlp.model import LogRecord, Resource, Scope

Emit = Callable[[LogRecord], None]
IdentityAttributes = Callable[[Context | None], Mapping[str, Any]]
MakeSdkProvider = Callable[[], Any]
Flush = Callable[[float], object]

_MOST_LOGGERS = 1024
_SHUTDOWN_SECONDS = 5.0
"""How long `shutdown` may take to send what is queued."""


class LoggerProvider(_logs.LoggerProvider):
    """A logger provider.

    Args:
        on_emit: Takes the records. Must neither raise nor block.
        resource: Where they come from.
        identity: Returns the attributes of the person in a context (the current one for `None`).
        limits: How much a record may bear.
        make_sdk_provider: Makes a provider of the SDK that ends in `on_emit`, for who needs one.
        flush: Sends what `on_emit` has taken, for at most so many seconds; returns false where it could not.
    """

    def __init__(
        self,
        on_emit: Emit,
        resource: Resource,
        identity: IdentityAttributes,
        limits: LogLimits,
        make_sdk_provider: MakeSdkProvider,
        flush: Flush | None = None,
    ) -> None:
        self.on_emit = on_emit
        self.resource = resource
        self.identity = identity
        self.limits = limits
        self.sdk_provider: Any = None
        self._make_sdk_provider = make_sdk_provider
        self._flush = flush
        self._loggers: dict[tuple[str, str | None, str | None], Logger] = {}
        self._lock = threading.Lock()

    def get_logger(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> "Logger":
        """Return the logger of a scope."""
        if attributes is not None:
            return Logger(self, Scope(name, version, schema_url, attributes))
        key = (name, version, schema_url)
        logger = self._loggers.get(key)
        if logger is None:
            if len(self._loggers) >= _MOST_LOGGERS:
                self._loggers.clear()
            logger = self._loggers[key] = Logger(self, Scope(name, version, schema_url))
        return logger

    def add_log_record_processor(self, processor: Any) -> None:
        """Have a processor of the SDK's kind see every record from now on.

        Args:
            processor: The processor.
        """
        with self._lock:
            if self.sdk_provider is None:
                self.sdk_provider = self._make_sdk_provider()
            self.sdk_provider.add_log_record_processor(processor)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send the records that were emitted, and have the processors that were added send what they hold.

        Args:
            timeout_millis: How long it may take, in milliseconds.

        Returns:
            Whether all of them were sent.
        """
        until = time.monotonic() + timeout_millis / 1000
        is_done = self.sdk_provider is None or bool(self.sdk_provider.force_flush(timeout_millis))
        if self._flush is not None and self._flush(max(0.0, until - time.monotonic())) is False:
            is_done = False
        return is_done

    def shutdown(self) -> None:
        """Send the records that were emitted, and shut the processors down that were added."""
        if self.sdk_provider is not None:
            self.sdk_provider.shutdown()
        if self._flush is not None:
            self._flush(_SHUTDOWN_SECONDS)


class Logger(_logs.Logger):
    """Emits records for one scope.

    Args:
        provider: The provider.
        scope: The scope.
    """

    def __init__(self, provider: LoggerProvider, scope: Scope) -> None:
        super().__init__(scope.name, scope.version, scope.schema_url, scope.attributes)
        self._provider = provider
        self._scope = scope
        self._of_sdk: Any = None

    def enabled(self, **_: Any) -> bool:
        """All records are wanted."""
        return True

    def emit(self, record: _logs.LogRecord | None = None, **fields: Any) -> None:
        """Emit a record, or one made of what is given by name (`body`, `attributes`, `event_name` and so on)."""
        if self._provider.sdk_provider is not None:
            self._sdk_logger().emit(record, **fields)
            return
        try:
            finished = self._finished(record if record is not None else _logs.LogRecord(**fields))
        except Exception as error:
            # What the app hands over may be anything, and it must not notice.
            diagnostics.say(f"a log record of the app cannot be read and is left out: {type(error).__name__}")
            return
        self._provider.on_emit(finished)

    def _sdk_logger(self) -> Any:
        if self._of_sdk is None:
            scope = self._scope
            self._of_sdk = self._provider.sdk_provider.get_logger(
                scope.name, scope.version, scope.schema_url, scope.attributes or None
            )
        return self._of_sdk

    def _finished(self, given: _logs.LogRecord) -> LogRecord:
        provider = self._provider
        bounded, dropped = provider.limits.bounded(_with_exception(given))
        context = getattr(given, "context", None)
        span = get_current_span(context).get_span_context()
        severity: Any = given.severity_number
        return LogRecord(
            timestamp=given.timestamp,
            observed_timestamp=given.observed_timestamp or time.time_ns(),
            body=given.body,
            attributes={**bounded, **provider.identity(context)},
            instrumentation_scope=self._scope,
            resource=provider.resource,
            trace_id=given.trace_id or span.trace_id,
            span_id=given.span_id or span.span_id,
            trace_flags=given.trace_flags or span.trace_flags,
            severity_number=getattr(severity, "value", severity),
            severity_text=given.severity_text,
            event_name=str(given.event_name) if given.event_name is not None else None,
            dropped_attributes=dropped,
        )


def _with_exception(given: _logs.LogRecord) -> Any:
    """Return the attributes of a record, with those of its exception where it has one; its own win."""
    exception = getattr(given, "exception", None)
    if exception is None:
        return given.attributes
    attributes: dict[str, Any] = {**exception_attributes(exception)}
    with suppress(Exception):  # those of the record are no mapping
        attributes.update(given.attributes or {})
    return attributes
