# SPDX-License-Identifier: Apache-2.0
"""Our classes in the shape of the SDK's, and the SDK's own provider behind ours. Imports the SDK: see `sdk_compat`."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, cast
from warnings import catch_warnings, simplefilter

from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import sampling
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationInfo, InstrumentationScope

from dbx_otel.identity.processors import stamp, stamp_again
from dbx_otel.otlp import model
from dbx_otel.tracing import samplers
from dbx_otel.tracing.ids import PrivateIdGenerator
from dbx_otel.tracing.provider import TracerProvider
from dbx_otel.tracing.span import RecordingSpan
from dbx_otel.tracing.tracer import Tracer

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.context import Context

IdGenerator.register(PrivateIdGenerator)

_any: Any = sdk
"""The SDK's classes as bases beside ours, whose parts have other types: nothing that mypy could bring together."""


class SdkShapedSpan(RecordingSpan, _any.Span):  # type: ignore[misc]  # a base of any type
    """A light span that is an instance of the SDK's classes, and has the rest of their methods, such as `to_json`."""

    __slots__ = ()
    __new__ = object.__new__  # the SDK's is Python code, which would cost a tenth of the span

    # What the SDK's own methods, and other libraries, look for.
    _lock = Lock()
    _trace_config = None
    _record_end_metrics = None

    @property
    def _limits(self) -> Any:
        return self._tracer.limits

    @property
    def _sampler(self) -> Any:
        return self._tracer.sampler

    @property
    def _span_processor(self) -> Any:
        return self._tracer.span_processor  # type: ignore[attr-defined]  # tracers have got the SDK's shape by now

    @property
    def _instrumentation_info(self) -> InstrumentationInfo:
        return _instrumentation_info(self._instrumentation_scope)

    def _readable_span(self) -> SdkShapedSpan:
        return self


class SdkShapedTracer(Tracer, _any.Tracer):  # type: ignore[misc]  # a base of any type
    """A tracer of ours that is an instance of the SDK's class."""

    @property
    def sampler(self) -> Any:
        """Return the sampler as one of the SDK's."""
        return self._provider.sampler

    @property
    def span_processor(self) -> Any:
        """Return the processors that were added to the provider."""
        return self._provider._active_span_processor  # type: ignore[attr-defined]  # noqa: SLF001 -- the SDK's name

    @property
    def instrumentation_info(self) -> InstrumentationInfo:
        """Return the library, in the SDK's older class."""
        return _instrumentation_info(self.scope)

    @property
    def _instrumentation_scope(self) -> InstrumentationScope:
        return self.scope  # type: ignore[no-any-return]  # the SDK's since `_shape_tracer`

    @property
    def _span_limits(self) -> Any:
        return self.limits

    @property
    def _tracer_config(self) -> Any:
        real: Any = self.real
        return real._tracer_config if real is not None else _any._TracerConfig.default()  # noqa: SLF001 -- the SDK's

    def _is_enabled(self) -> bool:
        return bool(self._tracer_config.is_enabled)


class SdkShapedTracerProvider(TracerProvider, _any.TracerProvider):  # type: ignore[misc]  # a base of any type
    """A provider of ours that is an instance of the SDK's class."""

    _active_span_processor: _Processors
    _shown_resource: Resource

    @property
    def resource(self) -> Resource:
        """Return where spans come from, as the SDK's class."""
        return self._shown_resource

    @property
    def sampler(self) -> Any:
        """Return the sampler as one of the SDK's."""
        return _sdk_sampler(self._sampler)

    def add_span_processor(self, span_processor: sdk.SpanProcessor) -> None:
        """Add a span processor: from now on spans are the SDK's, for all tracers."""
        self._active_span_processor.add_span_processor(span_processor)

    @property
    def _span_limits(self) -> Any:
        return self.limits

    @property
    def _disabled(self) -> bool:
        return self._is_disabled

    def _update_resource(self, resource: Resource) -> None:
        self.update_resource(self.resource.merge(resource))

    def _set_tracer_configurator(self, *, tracer_configurator: Any) -> None:
        realize(self, {})
        self.real._set_tracer_configurator(tracer_configurator=tracer_configurator)  # noqa: SLF001 -- the SDK's

    def update_resource(self, resource: Any) -> None:
        """Say where spans come from that are started from now on."""
        self._shown_resource = _sdk_resource(resource)
        super().update_resource(resource)

    def _make_tracer(self, scope: Any) -> Tracer:
        tracer = super()._make_tracer(scope)
        _shape_tracer(tracer)
        return tracer


class _Processors(sdk.SynchronousMultiSpanProcessor):
    """The processors that others have added, between our own start and end of each of the SDK's spans."""

    def __init__(self, provider: TracerProvider) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # untyped in the SDK
        self._provider = provider

    def add_span_processor(self, span_processor: sdk.SpanProcessor) -> None:
        """Add a processor, and have spans made for it."""
        super().add_span_processor(span_processor)
        realize(self._provider, {})
        if self._provider.on_added is not None:
            self._provider.on_added(span_processor)

    def on_start(self, span: sdk.Span, parent_context: Context | None = None) -> None:
        """Stamp the identity, before others look at the span."""
        stamp(span, parent_context)
        super().on_start(span, parent_context)

    def _on_ending(self, span: sdk.Span) -> None:
        stamp_again(span)
        super()._on_ending(span)

    def on_end(self, span: sdk.ReadableSpan) -> None:
        """Take the span, whatever others do with it."""
        self._provider.offer(span)
        super().on_end(span)


class _RealTracerProvider(_any.TracerProvider):  # type: ignore[misc]  # a base of any type
    """The SDK's provider, behind ours."""

    def take(self, span: RecordingSpan) -> None:
        """Show a light span that has ended to processors that were added while it was under way."""
        _shape_span(span)
        self._active_span_processor._on_ending(span)  # noqa: SLF001 -- as the SDK's span does
        self._active_span_processor.on_end(span)

    def tracer_like(self, tracer: Tracer) -> trace.Tracer:
        """Return the tracer for the same library."""
        scope = tracer.scope
        made: trace.Tracer = self.get_tracer(scope.name, scope.version, scope.schema_url, scope.attributes)
        return made

    def replace_resource(self, resource: Resource) -> None:
        """Take another resource: `_update_resource` would merge it with the old one."""
        self._resource = Resource({})
        self._update_resource(resource)

    def _handle_fork(self) -> None:
        """Leave the resource to our provider, which is told of the new one."""
        self._tracers_lock = Lock()


def shape(provider: TracerProvider) -> None:
    """Give a provider and its tracers the SDK's shape.

    Args:
        provider: The provider.
    """
    if isinstance(provider, SdkShapedTracerProvider):
        return
    shaped = cast("SdkShapedTracerProvider", provider)
    shaped._active_span_processor = _Processors(provider)  # noqa: SLF001 -- the SDK's name
    shaped._shown_resource = _sdk_resource(provider.resource)  # noqa: SLF001 -- ours
    provider.__class__ = SdkShapedTracerProvider
    provider.update_resource(provider._resource)  # noqa: SLF001 -- ours
    for tracer in provider.tracers():
        _shape_tracer(tracer)


def realize(provider: TracerProvider, arguments: dict[str, Any]) -> None:
    """Have a provider's tracers make the SDK's spans from now on.

    Args:
        provider: The provider, in the SDK's shape.
        arguments: More arguments for the SDK's.
    """
    if provider.real is None:
        provider.real = _RealTracerProvider(
            sampler=provider.sampler,
            resource=provider.resource,
            shutdown_on_exit=False,
            active_span_processor=cast("SdkShapedTracerProvider", provider)._active_span_processor,  # noqa: SLF001 -- ours
            id_generator=provider.id_generator,
            span_limits=provider.limits,
            **arguments,
        )
    for tracer in provider.tracers():
        provider.follow(tracer)


def _shape_tracer(tracer: Tracer) -> None:
    tracer.scope = _sdk_scope(tracer.scope)
    tracer.span_class = SdkShapedSpan
    tracer.__class__ = SdkShapedTracer


def _shape_span(span: RecordingSpan) -> None:
    """Shape a span that was started before the SDK was imported."""
    if isinstance(span, SdkShapedSpan):
        return
    span.__class__ = SdkShapedSpan
    span._resource = _sdk_resource(span.resource)  # noqa: SLF001 -- ours
    span._instrumentation_scope = _sdk_scope(span.instrumentation_scope)  # noqa: SLF001 -- ours


def _sdk_scope(scope: Any) -> InstrumentationScope:
    if isinstance(scope, InstrumentationScope):
        return scope
    return InstrumentationScope(scope.name, scope.version, scope.schema_url, scope.attributes)


def _sdk_resource(resource: Any) -> Any:
    """Return a resource of ours as the SDK's; any other as it is."""
    return Resource(resource.attributes, resource.schema_url) if isinstance(resource, model.Resource) else resource


def _sdk_sampler(sampler: Any) -> Any:
    """Return the SDK's equal of a sampler of ours; any other sampler as it is."""
    if isinstance(sampler, samplers.Always):
        return sampling.ALWAYS_ON if sampler.answer else sampling.ALWAYS_OFF
    if isinstance(sampler, samplers.TraceIdRatio):
        return sampling.TraceIdRatioBased(sampler.rate)
    if isinstance(sampler, samplers.ParentBased):
        return sampling.ParentBased(
            _sdk_sampler(sampler.root), remote_parent_not_sampled=_sdk_sampler(sampler.remote_parent_not_sampled)
        )
    return sampler


def _instrumentation_info(scope: InstrumentationScope) -> InstrumentationInfo:
    with catch_warnings():
        simplefilter("ignore", DeprecationWarning)  # who asks for it has been warned
        return InstrumentationInfo(scope.name, scope.version, scope.schema_url)
