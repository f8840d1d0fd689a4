# SPDX-License-Identifier: Apache-2.0
"""The tracer provider behind OpenTelemetry's API: tracers by library, and where ended spans go."""

from __future__ import annotations

import atexit
import logging
import os
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from opentelemetry import trace

from dbx_otel.otlp.model import Resource, Scope
from dbx_otel.tracing import samplers, sdk_compat
from dbx_otel.tracing.attributes import bounded
from dbx_otel.tracing.ids import PrivateIdGenerator
from dbx_otel.tracing.limits import SpanLimits
from dbx_otel.tracing.tracer import Tracer

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.util.types import Attributes

    from dbx_otel.tracing.span import RecordingSpan

_logger = logging.getLogger("opentelemetry.sdk.trace")  # what an app has set for the SDK's messages holds for ours


_MOST_TRACERS = 1024
"""Tracers that are kept. Further ones, of who makes up names, last as long as somebody uses them."""
_SHUTDOWN_SECONDS = 5.0
"""How long `shutdown` may take to send what is queued."""


class TracerProvider(trace.TracerProvider):
    """Makes light spans, and hands them on when they have ended.

    Where other code needs the SDK's spans, it gets them: see `sdk_compat`.

    Attributes:
        id_generator: Makes the ids of spans.
        limits: How much they may hold.
        real: The SDK's provider that makes them instead, once somebody has asked for the SDK's spans.
        on_added: Called with each span processor that is added.
    """

    def __init__(
        self,
        resource: Any = None,
        *,
        on_end: Callable[[Any], None] | None = None,
        flush: Callable[[float], object] | None = None,
        sampler: Any = None,
        id_generator: Any = None,
        span_limits: Any = None,
        shutdown_on_exit: bool = False,
        **sdk_arguments: Any,
    ) -> None:
        """Make a provider.

        Args:
            resource: Where spans come from: ours or the SDK's.
            on_end: Takes each sampled span when it has ended. Must return at once and not raise.
            flush: Sends what `on_end` has taken, for at most so many seconds; returns false where it could not.
            sampler: Decides which spans are recorded, one of ours or the SDK's; that of the environment if `None`.
            id_generator: Makes ids; has the methods of the SDK's.
            span_limits: How much spans may hold; what the environment says if `None`.
            shutdown_on_exit: Whether `shutdown` is called when the process ends.
            sdk_arguments: Arguments that only the SDK's provider has; where there are any, spans are the SDK's.
        """
        self.id_generator = id_generator or PrivateIdGenerator()
        self.limits = span_limits or SpanLimits()
        self.real: Any = None
        self.on_added: Callable[[Any], None] | None = None
        self._resource = resource if resource is not None else Resource({})
        self._sampler = sampler or samplers.from_environment()
        self._on_end = on_end
        self._flush = flush
        self._is_disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        self._tracers: dict[tuple[str, str, str, str], Tracer] = {}
        self._further_tracers: WeakSet[Tracer] = WeakSet()
        self._atexit_handler = atexit.register(self.shutdown) if shutdown_on_exit else None
        sdk_compat.introduce(self, sdk_arguments)

    @property
    def resource(self) -> Any:
        """Return where spans come from."""
        return self._resource

    @property
    def sampler(self) -> Any:
        """Return what decides which spans are recorded."""
        return self._sampler

    @property
    def deciding_sampler(self) -> Any:
        """Return the sampler as tracers ask it: ours, also where `sampler` shows the SDK's equal."""
        return self._sampler

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> trace.Tracer:
        """Return the tracer of a library, the same one each time unless there are very many.

        Args:
            instrumenting_module_name: Name of the library.
            instrumenting_library_version: Its version.
            schema_url: Schema of the names it uses.
            attributes: Attributes of its scope.
        """
        if self._is_disabled:
            return trace.NoOpTracer()
        if not instrumenting_module_name:
            _logger.error("get_tracer called with missing module name.")
        name, version = instrumenting_module_name or "", instrumenting_library_version or ""
        cleaned = bounded(attributes, None, None)
        key = (name, version, schema_url or "", repr(cleaned))
        tracer = self._tracers.get(key)
        if tracer is None:
            tracer = self._make_tracer(Scope(name, version, schema_url or "", cleaned))
            if len(self._tracers) < _MOST_TRACERS:
                tracer = self._tracers.setdefault(key, tracer)
            else:
                self._further_tracers.add(tracer)
            # Another thread may have asked for the SDK's spans since, and not have seen this tracer.
            self.follow(tracer)
        return tracer

    def tracers(self) -> list[Tracer]:
        """Return the tracers that were made so far, and are still in use."""
        return [*self._tracers.values(), *self._further_tracers]

    def add_span_processor(self, span_processor: Any) -> None:
        """Add a span processor of the SDK's kind: from now on spans are the SDK's, for all tracers.

        Args:
            span_processor: The processor.
        """
        sdk_compat.shape(self)
        self.add_span_processor(span_processor)  # now that of the SDK's shape

    def hand_on(self, span: RecordingSpan) -> None:
        """Hand on a light span that has ended, also to processors that were added while it was under way."""
        if self.real is not None:
            self.real.take(span)
        elif self._on_end is not None and span.context.trace_flags & trace.TraceFlags.SAMPLED:
            self._on_end(span)

    def offer(self, span: Any) -> None:
        """Take an ended span of the SDK's."""
        if self._on_end is not None and span.context.trace_flags & trace.TraceFlags.SAMPLED:
            self._on_end(span)

    def update_resource(self, resource: Any) -> None:
        """Say where spans come from that are started from now on, as after a fork.

        Args:
            resource: Ours or the SDK's.
        """
        self._resource = resource
        for tracer in self.tracers():
            tracer.resource = self.resource
        if self.real is not None:
            self.real.replace_resource(self.resource)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send the spans that have ended.

        Args:
            timeout_millis: How long it may take, in milliseconds.

        Returns:
            Whether all of them were sent.
        """
        until = monotonic() + timeout_millis / 1000
        is_done = self.real is None or bool(self.real.force_flush(timeout_millis))
        if self._flush is not None and self._flush(max(0.0, until - monotonic())) is False:
            is_done = False
        return is_done

    def shutdown(self) -> None:
        """Send the spans that have ended, and shut added processors down."""
        if self.real is not None:
            self.real.shutdown()
        if self._flush is not None:
            self._flush(_SHUTDOWN_SECONDS)
        if self._atexit_handler is not None:
            atexit.unregister(self._atexit_handler)
            self._atexit_handler = None

    def follow(self, tracer: Tracer) -> None:
        """Let a tracer make the SDK's spans, if this provider does."""
        if self.real is not None and tracer.real is None:
            tracer.real = self.real.tracer_like(tracer)

    def after_fork(self) -> None:
        """Look at the resource again, which may have been changed for the child."""
        self.update_resource(self._resource)

    def _make_tracer(self, scope: Scope) -> Tracer:
        return Tracer(self, scope)
