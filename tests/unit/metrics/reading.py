# SPDX-License-Identifier: Apache-2.0
"""Collections in a form that tests read easily."""

from typing import Any

from dbx_otel.metrics.collection import Collector
from dbx_otel.metrics.instruments import Registry
from dbx_otel.metrics.preferences import COUNTER, HISTOGRAM, Preferences
from dbx_otel.otlp.model import Resource, Scope

SCOPE = Scope("tests", "1")
CUMULATIVE = Preferences()
DELTA = Preferences(delta=frozenset((COUNTER, HISTOGRAM)))
RESOURCE = Resource({"service.name": "tests"})


def collector(registry: Registry, preferred: Preferences = CUMULATIVE) -> Collector:
    return Collector(registry, RESOURCE, preferred, lambda: None)


def metrics_of(data: Any) -> dict[str, Any]:
    """The metrics of a collection by name."""
    if data is None:
        return {}
    (resource,) = data.resource_metrics
    return {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}


def points_of(data: Any, name: str) -> dict[tuple[Any, ...], Any]:
    """The data points of a metric by attributes; none where there is no such metric."""
    metric = metrics_of(data).get(name)
    if metric is None:
        return {}
    points = {tuple(point.attributes.items()): point for point in metric.data.data_points}
    assert len(points) == len(metric.data.data_points)
    return points


def values_of(data: Any, name: str) -> dict[tuple[Any, ...], Any]:
    """The values of a sum or gauge, the counts of a histogram, by attributes."""
    return {
        attributes: point.value if hasattr(point, "value") else point.count
        for attributes, point in points_of(data, name).items()
    }
