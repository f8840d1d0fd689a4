# SPDX-License-Identifier: Apache-2.0
"""Starts spans: who their parent is, whether they are recorded, and whom they are made for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState, get_current_span

from dbx_otel import diagnostics
from dbx_otel.identity.context import current
from dbx_otel.tracing.current_span import CurrentSpan
from dbx_otel.tracing.samplers import Sampler
from dbx_otel.tracing.span import RecordingSpan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.util.types import Attributes

    from dbx_otel.tracing.provider import TracerProvider

_RANDOM = TraceFlags.RANDOM_TRACE_ID
_FLAGS = tuple(TraceFlags(bits) for bits in range(4))


class Tracer(trace.Tracer):
    """Makes the spans of one library.

    Attributes:
        scope: The library.
        resource: Where its spans come from.
        id_generator: Makes their ids.
        limits: How much they may hold.
        span_class: What they are.
        take_back: Takes spans that have ended.
        real: The SDK's tracer that makes them instead, once somebody has asked for the SDK's spans.
    """

    def __init__(self, provider: TracerProvider, scope: Any) -> None:
        self.scope = scope
        self.resource = provider.resource
        self.id_generator = provider.id_generator
        self.limits = provider.limits
        self.span_class: type[RecordingSpan] = RecordingSpan
        self.real: Any = None
        self.take_back = provider.hand_on
        self._sampler = provider.deciding_sampler
        self._provider = provider

    @property
    def sampler(self) -> Any:
        """Return what decides which spans are recorded."""
        return self._sampler

    def start_span(  # noqa: PLR0913, PLR0917 -- the API's arguments
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link | None] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> trace.Span:
        """Start a span (OpenTelemetry specification, "Span Creation").

        Args:
            name: Its name.
            context: Holds its parent; the current context if `None`.
            kind: Its kind.
            attributes: Its first attributes, which samplers see.
            links: Links to other spans.
            start_time: Nanoseconds since the epoch; now if `None`.
            record_exception: Whether an exception that leaves its `with` block becomes an event.
            set_status_on_exception: Whether it becomes the status.
        """
        if self.real is not None:
            span: trace.Span = self.real.start_span(
                name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
            )
            return span
        ids = self.id_generator
        parent: SpanContext | None = get_current_span(context).get_span_context()
        if isinstance(parent, SpanContext) and parent.is_valid:
            trace_id, state, random = parent.trace_id, parent.trace_state, parent.trace_flags & _RANDOM
        else:
            parent, state = None, None
            trace_id, random = ids.generate_trace_id(), _RANDOM if ids.is_trace_id_random() else 0

        sampler = self._sampler
        if isinstance(sampler, Sampler):
            is_recording = is_sampled = sampler.samples(parent, trace_id)
        else:
            answer = _ask(sampler, context, trace_id, name, kind, attributes, links or ())
            is_recording, is_sampled, attributes, state = answer or (True, True, attributes, state)

        flags = _FLAGS[random | is_sampled]
        span_context = SpanContext(trace_id, ids.generate_span_id(), False, flags, state)
        if not is_recording:
            return NonRecordingSpan(span_context)
        light = self.span_class(
            self, name, span_context, parent, kind, start_time, record_exception, set_status_on_exception
        )
        self._fill(light, context, attributes, links)
        return light

    def start_as_current_span(  # type: ignore[override]  # noqa: PLR0913, PLR0917 -- the API's, but for its helper class
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link | None] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> CurrentSpan:
        """Return what starts a span and makes it the current one: for `with`, or to decorate a function with.

        Args:
            name: The span's name.
            context: Holds its parent; the current context if `None`.
            kind: Its kind.
            attributes: Its first attributes.
            links: Links to other spans.
            start_time: Nanoseconds since the epoch; now if `None`.
            record_exception: Whether an exception that leaves the block becomes an event.
            set_status_on_exception: Whether it becomes the status.
            end_on_exit: Whether the span ends with the block.
        """
        start = (name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception)
        return CurrentSpan(self, start, end_on_exit)

    def _fill(
        self, span: RecordingSpan, context: Context | None, attributes: Attributes, links: Sequence[Link | None] | None
    ) -> None:
        if attributes:
            span.set_attributes(attributes)
        if links:
            for link in links:
                span.add_link(getattr(link, "context", None), getattr(link, "attributes", None))
        # Children come without a context; and what is made for a message's context inside of a request is made for the
        # person of the request.
        identity = current(context) if context is None else current(context) or current()
        if identity is not None:
            span.stamp(identity.attributes)


def _ask(sampler: Any, context: Context | None, *about: Any) -> tuple[bool, bool, Attributes, TraceState | None] | None:
    """Ask a sampler of the SDK's kind whether a span is recorded, whether it is sampled, and for what it adds."""
    try:
        result = sampler.should_sample(context, *about)
        decision = result.decision
        return decision.is_recording(), decision.is_sampled(), result.attributes, result.trace_state
    except Exception as error:
        # A sampler that fails must not fail the app.
        diagnostics.say(
            f"the sampler {type(sampler).__qualname__} fails, spans are recorded: {type(error).__name__}: {error}"
        )
        return None
