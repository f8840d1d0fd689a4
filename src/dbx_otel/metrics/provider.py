# SPDX-License-Identifier: Apache-2.0
"""The meter provider that the app and OpenTelemetry's instrumentations get: the SDK's, made when it is needed.

The SDK's metrics take 65 ms to import. Until the first measurement, or the first collection where there is something to
look up, there are only names.
"""

import os
import sys
from _thread import RLock
from collections.abc import Callable, Sequence
from logging import getLogger
from typing import Any

from opentelemetry import metrics
from opentelemetry.metrics import CallbackT, MeterProvider, NoOpMeter, NoOpMeterProvider
from opentelemetry.util.types import Attributes

from dbx_otel import diagnostics
from dbx_otel.metrics import deferred_instruments as deferred

_logger = getLogger(__name__)

Make = Callable[[], tuple[Any, Callable[[], Any]]]
"""Makes the SDK's provider, and what collects from it."""
Flush = Callable[[float], bool]
"""Sends all there is, within so many seconds, and tells whether it has been sent."""


class DeferredMeterProvider(MeterProvider):
    """Hands out instruments, and makes the SDK's provider when one of them is used.

    A forked child begins at zero, with a provider of its own.

    Args:
        make: Makes the SDK's provider.
        flush: What `force_flush` does.
        on_reader: Called before the app adds a metric reader of its own.
    """

    def __init__(self, make: Make, flush: Flush, on_reader: Callable[[MeterProvider], None]) -> None:
        self._make = make
        self._flush = flush
        self._on_reader = on_reader
        self._is_shut_down = False
        self._observables: dict[Any, Callable[[], Any]] = {}
        self._readers: list[Any] = []
        self._lock = RLock()
        self._real: Any = None
        self._collect: Callable[[], Any] = _nothing
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin_anew)

    @property  # type: ignore[misc]  # nobody sets it
    def __class__(self) -> Any:
        """The SDK's, where that has been imported: code asks whether it got a provider of the SDK."""
        return getattr(sys.modules.get("opentelemetry.sdk.metrics"), "MeterProvider", DeferredMeterProvider)

    def __getattr__(self, name: str) -> Any:
        """Give what only the SDK's provider has."""
        if name.startswith("__") or "_make" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.real(), name)

    def get_meter(
        self,
        name: str,
        version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> metrics.Meter:
        """Return a meter (`opentelemetry.metrics.MeterProvider.get_meter`)."""
        if not name or self._is_shut_down:
            _logger.warning("A meter without a name, or of a provider that is shut down, records nothing.")
            return NoOpMeter(name, version=version, schema_url=schema_url)
        return _DeferredMeter(self, name, version, schema_url, attributes)

    def add_metric_reader(self, metric_reader: Any) -> None:
        """Add a reader of the app's, which sees all metrics from now on (SDK's `MeterProvider.add_metric_reader`)."""
        self._on_reader(self)
        self.real().add_metric_reader(metric_reader)
        self._readers.append(metric_reader)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Send all metrics, those of the app's readers as well (SDK's `MeterProvider.force_flush`)."""
        done = [self._flush(timeout_millis / 1000), *(reader.force_flush(timeout_millis) for reader in self._readers)]
        return all(result is not False for result in done)

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Send all metrics, and record none from now on (SDK's `MeterProvider.shutdown`)."""
        if self._is_shut_down:
            _logger.warning("shutdown can only be called once")
            return
        self._flush(timeout_millis / 1000)
        self._is_shut_down = True
        if self._real is not None:
            self._real.shutdown(timeout_millis)

    def made(self) -> Any:
        """Return the SDK's provider, or `None` where it has not been made."""
        return self._real

    def real(self) -> Any:
        """Return the SDK's provider, made now if need be; one that does nothing where that fails. Does not raise."""
        if self._real is None:
            with self._lock:
                if self._real is None:
                    self._real, self._collect = self._make_reporting_failure()
                    for create in self._observables.values():
                        create()
        return self._real

    def collect(self) -> Any:
        """Return what the SDK's instruments have measured, in its `MetricsData`, or `None` where that is nothing.

        Raises:
            Exception: A callback of the app's took too long.
        """
        if self._is_shut_down or (self._real is None and not self._observables):
            return None
        self.real()
        return self._collect()

    def observe(self, key: Any, create: Callable[[], Any]) -> None:
        """Remember an instrument that looks for itself, once; it is created with the SDK's provider.

        Args:
            key: What makes it the same instrument.
            create: Creates it.
        """
        with self._lock:
            if key in self._observables:
                return
            self._observables[key] = create
            if self._real is not None:
                create()

    def _begin_anew(self) -> None:
        self._lock = RLock()
        # What the SDK keeps of all readers, so that none has two providers: theirs is another one from now on.
        registered: set[Any] = getattr(self._real, "_all_metric_readers", set())
        for reader in self._readers:
            registered.discard(reader)
        self._real = None
        self._collect = _nothing

    def _make_reporting_failure(self) -> tuple[Any, Callable[[], Any]]:
        try:
            provider, collect = self._make()
            for reader in self._readers:
                provider.add_metric_reader(reader)
        except Exception as error:
            # The app records metrics; it must not notice that this comes to nothing.
            diagnostics.say(
                f"metrics of the app are not recorded, everything else is: {type(error).__name__}: {error}. "
                f"Remedy: report this with what `dbx-otel-run --explain` shows"
            )
            return NoOpMeterProvider(), _nothing
        return provider, collect


def _nothing() -> None:
    """Collect nothing."""


class _DeferredMeter(metrics.Meter):
    """Hands out instruments of one library."""

    def __init__(
        self,
        provider: DeferredMeterProvider,
        name: str,
        version: str | None,
        schema_url: str | None,
        attributes: Attributes,
    ) -> None:
        super().__init__(name, version=version, schema_url=schema_url)
        self._provider = provider
        self._attributes = attributes

    def create_counter(self, name: str, unit: str = "", description: str = "") -> metrics.Counter:
        """Create a counter (`opentelemetry.metrics.Meter.create_counter`)."""
        return deferred.DeferredCounter(*self._deferring("create_counter", name, unit, description))

    def create_up_down_counter(self, name: str, unit: str = "", description: str = "") -> metrics.UpDownCounter:
        """Create an up-down counter (`opentelemetry.metrics.Meter.create_up_down_counter`)."""
        return deferred.DeferredUpDownCounter(*self._deferring("create_up_down_counter", name, unit, description))

    def create_gauge(self, name: str, unit: str = "", description: str = "") -> Any:
        """Create a gauge (`opentelemetry.metrics.Meter.create_gauge`)."""
        return deferred.DeferredGauge(*self._deferring("create_gauge", name, unit, description))

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> metrics.Histogram:
        """Create a histogram (`opentelemetry.metrics.Meter.create_histogram`)."""
        advice = {"explicit_bucket_boundaries_advisory": explicit_bucket_boundaries_advisory}
        return deferred.DeferredHistogram(*self._deferring("create_histogram", name, unit, description, **advice))

    def create_observable_counter(
        self, name: str, callbacks: Sequence[CallbackT] | None = None, unit: str = "", description: str = ""
    ) -> metrics.ObservableCounter:
        """Create an observable counter (`opentelemetry.metrics.Meter.create_observable_counter`)."""
        made = self._observing("create_observable_counter", name, callbacks, unit, description)
        return deferred.DeferredObservableCounter(*made)

    def create_observable_up_down_counter(
        self, name: str, callbacks: Sequence[CallbackT] | None = None, unit: str = "", description: str = ""
    ) -> metrics.ObservableUpDownCounter:
        """Create an observable up-down counter (`opentelemetry.metrics.Meter.create_observable_up_down_counter`)."""
        made = self._observing("create_observable_up_down_counter", name, callbacks, unit, description)
        return deferred.DeferredObservableUpDownCounter(*made)

    def create_observable_gauge(
        self, name: str, callbacks: Sequence[CallbackT] | None = None, unit: str = "", description: str = ""
    ) -> metrics.ObservableGauge:
        """Create an observable gauge (`opentelemetry.metrics.Meter.create_observable_gauge`)."""
        made = self._observing("create_observable_gauge", name, callbacks, unit, description)
        return deferred.DeferredObservableGauge(*made)

    def _deferring(
        self, create: str, name: str, unit: str, description: str, **more: Any
    ) -> tuple[Callable[[], Any], deferred.Make]:
        """Return what a deferred instrument has to be told."""

        def make() -> Any:
            meter = self._provider.real().get_meter(self._name, self._version, self._schema_url, self._attributes)
            try:
                return getattr(meter, create)(name, unit=unit, description=description, **more)
            except Exception as error:
                # The SDK raises for a name or unit that the specification does not allow, here amidst a request.
                diagnostics.say(f"what the app records as metric {name!r} is left out: {error}")
                return getattr(NoOpMeter("unusable"), create)("unusable")

        return self._provider.made, make

    def _observing(
        self, create: str, name: str, callbacks: Sequence[CallbackT] | None, unit: str, description: str
    ) -> tuple[Callable[[], Any], deferred.Make]:
        current, make = self._deferring(create, name, unit, description, callbacks=callbacks)
        key = (self._name, self._version, self._schema_url, repr(self._attributes), create, name, unit, description)
        self._provider.observe(key, make)
        return current, make
