# SPDX-License-Identifier: Apache-2.0
"""The SDK's meter provider, as OpenTelemetry's variables and the settings want it. Importing this imports the SDK."""

from collections.abc import Callable, Sequence
from typing import Any, overload

from opentelemetry.sdk.metrics import (
    AlwaysOffExemplarFilter,
    AlwaysOnExemplarFilter,
    Counter,
    ExemplarFilter,
    Histogram,
    MeterProvider,
    ObservableCounter,
    TraceBasedExemplarFilter,
)
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import Aggregation, ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

from dbx_otel import diagnostics
from dbx_otel.metrics import preferences
from dbx_otel.metrics.preferences import Preferences


def temporality(preferred: Preferences) -> dict[type, AggregationTemporality]:
    """Return the temporality by kind of instrument, where it is not cumulative.

    Args:
        preferred: What OpenTelemetry's variables ask for.
    """
    kinds: dict[str, type] = {
        preferences.COUNTER: Counter,
        preferences.OBSERVABLE_COUNTER: ObservableCounter,
        preferences.HISTOGRAM: Histogram,
    }
    return {kinds[kind]: AggregationTemporality.DELTA for kind in preferred.delta}


def aggregation(preferred: Preferences) -> dict[type, Aggregation]:
    """Return the aggregation of histograms, where it is not by explicit buckets.

    Args:
        preferred: What OpenTelemetry's variables ask for.
    """
    return {Histogram: ExponentialBucketHistogramAggregation()} if preferred.exponential else {}


def exemplar_filter(preferred: Preferences) -> ExemplarFilter:
    """Return what tells which measurements may become exemplars.

    Args:
        preferred: What OpenTelemetry's variables ask for.
    """
    filters: dict[int, type[ExemplarFilter]] = {
        preferences.NO_EXEMPLARS: AlwaysOffExemplarFilter,
        preferences.EXEMPLARS_OF_SAMPLED: TraceBasedExemplarFilter,
        preferences.ALL_EXEMPLARS: AlwaysOnExemplarFilter,
    }
    return filters[preferred.exemplars]()


class Views(Sequence[View]):
    """The views that a setting names, imported when they are looked at first: with the first measurement.

    That is when the app can import its own modules. A line says why where there are none.

    Args:
        path: `module:attribute` of a sequence of views; no views if `None`.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._found: list[View] | None = None

    def __len__(self) -> int:
        return len(self._views())

    @overload
    def __getitem__(self, index: int) -> View: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[View]: ...

    def __getitem__(self, index: int | slice) -> View | Sequence[View]:
        return self._views()[index]

    def _views(self) -> list[View]:
        if self._found is None:
            self._found = _import_views(self._path) if self._path is not None else []
        return self._found


def _import_views(path: str) -> list[View]:
    from importlib import import_module

    module, _, attribute = path.partition(":")
    try:
        found = list(getattr(import_module(module), attribute))
        for view in found:
            if not isinstance(view, View):
                raise TypeError(f"it holds a {type(view).__name__}")  # noqa: TRY301 -- as if it could not be imported
    except Exception as error:
        # It is the app's code that is imported: it may do anything.
        why = f"{type(error).__name__}: {error}"
        diagnostics.say(
            f"DBX_OTEL_METRICS_VIEWS is {path[:200]!r}, which gives no views ({why}); metrics are recorded without. "
            f"Remedy: name a module that the app can import and a list of opentelemetry.sdk.metrics.view.View in it, "
            f"such as my_app.telemetry:VIEWS"
        )
        return []
    return found


def make_provider(resource: Any, preferred: Preferences, views_path: str | None) -> tuple[Any, Callable[[], Any]]:
    """Return a provider of the SDK, and what collects from it.

    Args:
        resource: Where metrics come from: `attributes` and `schema_url`.
        preferred: What OpenTelemetry's variables ask for.
        views_path: The setting that names views.
    """
    reader = InMemoryMetricReader(temporality(preferred), aggregation(preferred))
    provider = MeterProvider(
        metric_readers=[reader],
        resource=Resource(dict(resource.attributes), resource.schema_url),
        exemplar_filter=exemplar_filter(preferred),
        shutdown_on_exit=False,
        views=Views(views_path),
    )
    return provider, reader.get_metrics_data
