# SPDX-License-Identifier: Apache-2.0
"""Instruments of the API whose SDK counterparts are made when they are first used."""

from collections.abc import Callable
from typing import Any

from opentelemetry import metrics
from opentelemetry.context import Context
from opentelemetry.metrics import _Gauge as Gauge
from opentelemetry.util.types import Attributes

Make = Callable[[], Any]
"""Makes an SDK instrument, or something that does nothing where it cannot be made. Does not raise."""


class _Deferred:
    """Holds what makes the instrument, and it once it has been made.

    Args:
        current: Gives what the instrument has to be made by, the SDK's provider; `None` as long as there is none.
        make: Makes it.
    """

    def __init__(self, current: Callable[[], Any], make: Make) -> None:
        self._current = current
        self._make = make
        self._made: Any = None
        self._made_by: Any = None

    def _instrument(self) -> Any:
        provider = self._current()
        if provider is None or provider is not self._made_by:
            self._made = self._make()
            self._made_by = self._current()
        return self._made

    def __getattr__(self, name: str) -> Any:
        """Give what only the SDK's instrument has, such as its name."""
        if name.startswith("__") or "_make" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self._instrument(), name)


class DeferredCounter(_Deferred, metrics.Counter):
    """A counter."""

    def add(self, amount: float, attributes: Attributes = None, context: Context | None = None) -> None:
        """Add an amount (`opentelemetry.metrics.Counter.add`)."""
        self._instrument().add(amount, attributes, context)


class DeferredUpDownCounter(_Deferred, metrics.UpDownCounter):
    """An up-down counter."""

    def add(self, amount: float, attributes: Attributes = None, context: Context | None = None) -> None:
        """Add an amount (`opentelemetry.metrics.UpDownCounter.add`)."""
        self._instrument().add(amount, attributes, context)


class DeferredHistogram(_Deferred, metrics.Histogram):
    """A histogram."""

    def record(self, amount: float, attributes: Attributes = None, context: Context | None = None) -> None:
        """Record an amount (`opentelemetry.metrics.Histogram.record`)."""
        self._instrument().record(amount, attributes, context)


class DeferredGauge(_Deferred, Gauge):
    """A gauge."""

    def set(self, amount: float, attributes: Attributes = None, context: Context | None = None) -> None:
        """Set it to an amount (`opentelemetry.metrics.Gauge.set`)."""
        self._instrument().set(amount, attributes, context)


class DeferredObservableCounter(_Deferred, metrics.ObservableCounter):
    """A counter that looks for itself."""


class DeferredObservableUpDownCounter(_Deferred, metrics.ObservableUpDownCounter):
    """An up-down counter that looks for itself."""


class DeferredObservableGauge(_Deferred, metrics.ObservableGauge):
    """A gauge that looks for itself."""
