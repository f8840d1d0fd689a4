# SPDX-License-Identifier: Apache-2.0
"""The distribution's own measurements, recorded through OpenTelemetry's meters."""

from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation
from opentelemetry.trace import NonRecordingSpan, set_span_in_context

from dbx_otel.metrics.asynchronous import Observable, Observe
from dbx_otel.metrics.preferences import COUNTER, HISTOGRAM
from dbx_otel.metrics.synchronous import Attributes, Elsewhere


def route_to(meter_provider: MeterProvider) -> Callable[[Any], Elsewhere]:
    """Return what makes an instrument of the API for an instrument of ours.

    Args:
        meter_provider: Gives the meters.
    """

    def route(instrument: Any) -> Elsewhere:
        scope = instrument.scope
        meter = meter_provider.get_meter(scope.name, scope.version, scope.schema_url)
        return _Observed(meter, instrument) if isinstance(instrument, Observable) else _Recorded(meter, instrument)

    return route


class _Recorded:
    """Records through an instrument of the API."""

    def __init__(self, meter: Any, instrument: Any) -> None:
        naming = {"name": instrument.name, "unit": instrument.unit, "description": instrument.description}
        self._record: Callable[..., None]
        if instrument.kind == HISTOGRAM:
            bounds = instrument.boundaries
            self._record = meter.create_histogram(**naming, explicit_bucket_boundaries_advisory=bounds).record
        elif instrument.kind == COUNTER:
            self._record = meter.create_counter(**naming).add
        else:
            self._record = meter.create_up_down_counter(**naming).add

    def record(self, value: float, attributes: Attributes, span_context: Any) -> None:
        """Record one measurement, in the span that it was made in."""
        context = set_span_in_context(NonRecordingSpan(span_context)) if span_context is not None else None
        self._record(value, dict(attributes), context)


class _Observed:
    """Has a meter of the API look the values up."""

    def __init__(self, meter: Any, instrument: Observable) -> None:
        create = getattr(meter, f"create_observable_{instrument.kind}")
        callbacks = [_callback(instrument.observe)]
        create(instrument.name, callbacks, unit=instrument.unit, description=instrument.description)

    def record(self, value: float, attributes: Attributes, span_context: Any) -> None:
        """Take nothing: nothing is recorded by an instrument that looks for itself."""


def _callback(observe: Observe) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def look(options: CallbackOptions) -> Iterable[Observation]:  # noqa: ARG001 -- the API's signature
        return [Observation(value, dict(attributes)) for value, attributes in observe()]

    return look
