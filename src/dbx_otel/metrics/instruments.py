# SPDX-License-Identifier: Apache-2.0
"""The distribution's own metrics: instruments by scope and name, and where their measurements go.

By default they go into cells of ours. `record_through` sends them through OpenTelemetry's meters instead, where these
have to see them; `record_nothing` drops them, where nobody would collect them.
"""

import os
from _thread import RLock
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from dbx_otel.metrics.asynchronous import Observable, Observe
from dbx_otel.metrics.preferences import EXEMPLARS_OF_SAMPLED, Preferences
from dbx_otel.metrics.synchronous import Attributes, Counter, Elsewhere, Histogram, UpDownCounter

I = TypeVar("I", Histogram, Counter, UpDownCounter, Observable)  # noqa: E741 -- an instrument

DEFAULT_BOUNDARIES: Final = (0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2.5e3, 5e3, 7.5e3, 1e4)
"""Bounds of buckets where nothing is said (OpenTelemetry specification, "Explicit Bucket Histogram Aggregation")."""


class _Nowhere:
    """Takes measurements that nobody would collect."""

    def record(self, value: float, attributes: Attributes, span_context: Any) -> None:
        """Take one measurement."""


Route = Callable[[Any], Elsewhere | None]
"""Gives what takes the measurements of an instrument; `None` where they go into its own cells."""


def _here(instrument: Any) -> None:
    """Measurements go into the instrument's own cells."""


def _nowhere(instrument: Any) -> Elsewhere:  # noqa: ARG001 -- a `Route`
    """Measurements are dropped."""
    return _Nowhere()


class Registry:
    """The instruments of a process. Asked twice for the same, it returns the same."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._instruments: dict[tuple[Any, ...], Any] = {}
        self._route: Route = _here
        self._exemplars = EXEMPLARS_OF_SAMPLED

    def histogram(
        self,
        scope: Any,
        name: str,
        unit: str,
        description: str,
        boundaries: Sequence[float] = DEFAULT_BOUNDARIES,
        *,
        heeds_suppression: bool = False,
    ) -> Histogram:
        """Return a histogram.

        Args:
            scope: The library that measures.
            name: Name of the metric.
            unit: Unit, in UCUM's notation.
            description: What is measured.
            boundaries: Upper bounds of the buckets, inclusive, rising.
            heeds_suppression: Whether to record nothing where instrumentation is suppressed and no span is given.
        """
        made = Histogram(scope, name, unit, description, boundaries, heeds_suppression=heeds_suppression)
        made.exemplars = self._exemplars
        return self._register(made)

    def counter(self, scope: Any, name: str, unit: str, description: str) -> Counter:
        """Return a counter, a sum that only rises.

        Args:
            scope: The library that measures.
            name: Name of the metric.
            unit: Unit, in UCUM's notation.
            description: What is counted.
        """
        return self._register(Counter(scope, name, unit, description))

    def up_down_counter(self, scope: Any, name: str, unit: str, description: str) -> UpDownCounter:
        """Return an up-down counter, a sum that rises and falls.

        Args:
            scope: The library that measures.
            name: Name of the metric.
            unit: Unit, in UCUM's notation.
            description: What is counted.
        """
        return self._register(UpDownCounter(scope, name, unit, description))

    def observable(self, scope: Any, name: str, unit: str, description: str, kind: str, observe: Observe) -> Observable:
        """Return an instrument that looks for itself when metrics are collected.

        Args:
            scope: The library that measures.
            name: Name of the metric.
            unit: Unit, in UCUM's notation.
            description: What is observed.
            kind: `gauge`, `counter` or `up_down_counter`.
            observe: Gives pairs of value and attributes; of counters, sums since the start of the process.
        """
        return self._register(Observable(kind, scope, name, unit, description, observe))

    @property
    def is_recording(self) -> bool:
        """Whether measurements go anywhere."""
        return self._route is not _nowhere

    def configure(self, preferences: Preferences) -> None:
        """Say which measurements may become exemplars.

        Args:
            preferences: What OpenTelemetry's variables ask for.
        """
        with self._lock:
            self._exemplars = preferences.exemplars
            for instrument in self._instruments.values():
                if isinstance(instrument, Histogram):
                    instrument.exemplars = preferences.exemplars

    def send(self, route: Route) -> None:
        """Send the measurements of all instruments, those to come among them, elsewhere.

        Args:
            route: Gives what takes them.
        """
        with self._lock:
            self._route = route
            for instrument in self._instruments.values():
                instrument.elsewhere = route(instrument)
                if isinstance(instrument, Counter):
                    instrument.hand_over()

    def collected_here(self) -> list[Any]:
        """Return the instruments that have cells to collect, by scope, in the order they were made."""
        with self._lock:
            return [instrument for instrument in self._instruments.values() if instrument.elsewhere is None]

    def begin_anew(self) -> None:
        """Forget what was measured: this is a forked child, and what its parent measured is the parent's."""
        self._lock = RLock()
        for instrument in self._instruments.values():
            instrument.begin_anew()

    def _register(self, made: I) -> I:
        scope = made.scope
        key = (scope.name, scope.version, scope.schema_url, type(made), made.name)
        with self._lock:
            if key not in self._instruments:
                made.elsewhere = self._route(made)
                self._instruments[key] = made
            found: I = self._instruments[key]
            return found


registry = Registry()
"""The instruments of this process."""

histogram = registry.histogram
counter = registry.counter
up_down_counter = registry.up_down_counter
observable = registry.observable

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=registry.begin_anew)


def record_through(meter_provider: Any) -> None:
    """Record through OpenTelemetry's meters from now on: the SDK's pipeline, views, exponential histograms.

    Args:
        meter_provider: A meter provider of the API.
    """
    from dbx_otel.metrics.through_meters import route_to

    registry.send(route_to(meter_provider))


def record_nothing() -> None:
    """Record nothing from now on: metrics go nowhere."""
    registry.send(_nowhere)


def is_recording() -> bool:
    """Tell whether it is worthwhile to make up the attributes of a measurement."""
    return registry.is_recording
