# SPDX-License-Identifier: Apache-2.0
"""Collects all metrics: the distribution's own, and those of the app where there are any."""

from collections.abc import Callable
from typing import Any

from dbx_otel import diagnostics
from dbx_otel.metrics.instruments import Registry
from dbx_otel.metrics.preferences import Preferences


class Collector:
    """Collects for whoever sends. One thread at a time may collect.

    Args:
        registry: The distribution's instruments.
        resource: Where metrics come from.
        preferred: What OpenTelemetry's variables ask for.
        collect_others: Gives the SDK's `MetricsData`, or `None` where there is nothing. May raise.
    """

    def __init__(
        self,
        registry: Registry,
        resource: Any,
        preferred: Preferences,
        collect_others: Callable[[], Any],
    ) -> None:
        self._registry = registry
        self._resource = resource
        self._preferred = preferred
        self._collect_others = collect_others

    def collect(self) -> Any:
        """Return a `MetricsData` of one resource, ours or the SDK's in shape, or `None` where nothing was measured.

        What it returns is gone from here where temporality is delta: it has to be sent. Never raises.
        """
        from dbx_otel.otlp.metric_data import MetricsData, ResourceMetrics

        scopes = [*self._own(), *self._others()]
        if not scopes:
            return None
        return MetricsData([ResourceMetrics(self._resource, scopes, self._resource.schema_url)])

    def _own(self) -> list[Any]:
        from dbx_otel.metrics.points import metric_of
        from dbx_otel.otlp.metric_data import ScopeMetrics

        scopes: dict[tuple[Any, ...], tuple[Any, list[Any]]] = {}
        for instrument in self._registry.collected_here():
            metric = metric_of(instrument, self._preferred.delta)
            if metric is not None:
                scope = instrument.scope
                key = (scope.name, scope.version, scope.schema_url)
                scopes.setdefault(key, (scope, []))[1].append(metric)
        return [ScopeMetrics(scope, metrics, scope.schema_url or "") for scope, metrics in scopes.values()]

    def _others(self) -> list[Any]:
        try:
            data = self._collect_others()
        except Exception as error:
            # A callback of the app's: what the distribution has measured is sent all the same.
            diagnostics.say(f"metrics of the app could not be collected: {type(error).__name__}: {error}")
            return []
        if data is None:
            return []
        return [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
