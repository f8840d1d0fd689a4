# SPDX-License-Identifier: Apache-2.0
"""Exporters that are made when the first batch is there, in the process that has it.

Making one imports requests or gRPC, which start-up need not wait for; and a gRPC channel does not survive a fork, which
is how gunicorn makes its workers.
"""

import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from dbx_otel import diagnostics

T = TypeVar("T")


class _Deferred(Generic[T]):
    """Makes something once a process, when it is first asked for."""

    def __init__(self, make: Callable[[], T], what: str) -> None:
        self._make = make
        self._what = what
        self._made: T | None = None
        self._failed = False
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def get(self) -> T | None:
        """Return it, or `None` if it cannot be made, which is reported once and not tried again."""
        with self._lock:
            if self._made is None and not self._failed:
                try:
                    self._made = self._make()
                except Exception as error:
                    # One destination that cannot be set up must not stop the others.
                    self._failed = True
                    diagnostics.say(f"{self._what} is off: {type(error).__name__}: {error}")
            return self._made

    @property
    def made(self) -> T | None:
        """It, if it has been made."""
        return self._made

    def _forget(self) -> None:
        self._made = None
        self._lock = threading.Lock()


class DeferredSpanExporter(SpanExporter):
    """A span exporter made at the first batch."""

    def __init__(self, make: Callable[[], SpanExporter], what: str) -> None:
        self._deferred = _Deferred(make, what)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export through the exporter, made now if need be."""
        exporter = self._deferred.get()
        return exporter.export(spans) if exporter is not None else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 -- the SDK's signature
        """Hold nothing back."""
        return True

    def shutdown(self) -> None:
        """Shut the exporter down if there is one."""
        if self._deferred.made is not None:
            self._deferred.made.shutdown()


class DeferredLogExporter(LogRecordExporter):
    """A log exporter made at the first batch."""

    def __init__(self, make: Callable[[], LogRecordExporter], what: str) -> None:
        self._deferred = _Deferred(make, what)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        """Export through the exporter, made now if need be."""
        exporter = self._deferred.get()
        return exporter.export(batch) if exporter is not None else LogRecordExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 10_000) -> bool:  # noqa: ARG002 -- the SDK's signature
        """Hold nothing back."""
        return True

    def shutdown(self) -> None:
        """Shut the exporter down if there is one."""
        if self._deferred.made is not None:
            self._deferred.made.shutdown()  # type: ignore[no-untyped-call]  # untyped in the SDK


class DeferredMetricExporter(MetricExporter):
    """A metric exporter made at the first collection.

    Args:
        make: Makes the exporter.
        what: What messages call it.
        temporality: Temporality by instrument class: readers ask for it before anything is exported.
        aggregation: Aggregation by instrument class, likewise.
        is_worthwhile: Tells whether some metrics are worth making the exporter for; all are if `None`.
    """

    def __init__(
        self,
        make: Callable[[], MetricExporter],
        what: str,
        temporality: dict[type, Any] | None = None,
        aggregation: dict[type, Any] | None = None,
        is_worthwhile: Callable[[MetricsData], bool] | None = None,
    ) -> None:
        super().__init__(preferred_temporality=temporality, preferred_aggregation=aggregation)
        self._deferred = _Deferred(make, what)
        self._is_worthwhile = is_worthwhile

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        """Export through the exporter, made now if need be."""
        if self._deferred.made is None and self._is_worthwhile is not None and not self._is_worthwhile(metrics_data):
            return MetricExportResult.SUCCESS
        exporter = self._deferred.get()
        if exporter is None:
            return MetricExportResult.FAILURE
        return exporter.export(metrics_data, timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Hold nothing back."""
        made = self._deferred.made
        return made.force_flush(timeout_millis) if made is not None else True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Shut the exporter down if there is one."""
        if self._deferred.made is not None:
            self._deferred.made.shutdown(timeout_millis, **kwargs)
