# SPDX-License-Identifier: Apache-2.0
"""Metrics as OTLP (`opentelemetry.proto.metrics.v1`): ours and the SDK's, told apart by the names of their classes."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from dbx_otel.otlp import wire
from dbx_otel.otlp.points import exponential_histogram_point, gauge_point, histogram_point, sum_point
from dbx_otel.otlp.request import RECORD, SLICE, Groups, Refused, ignore, release_interpreter

_NAME = wire.tag(1, wire.LENGTH_DELIMITED)
_DESCRIPTION = wire.tag(2, wire.LENGTH_DELIMITED)
_UNIT = wire.tag(3, wire.LENGTH_DELIMITED)
_POINTS = wire.tag(1, wire.LENGTH_DELIMITED)
_TEMPORALITY = wire.tag(2, wire.VARINT)
_IS_MONOTONIC = wire.tag(3, wire.VARINT) + b"\x01"


class _Kind(NamedTuple):
    """How one kind of metric is written."""

    tag: bytes
    encode_point: Callable[[Any], bytes]


_KINDS = {
    "Gauge": _Kind(wire.tag(5, wire.LENGTH_DELIMITED), gauge_point),
    "Sum": _Kind(wire.tag(7, wire.LENGTH_DELIMITED), sum_point),
    "Histogram": _Kind(wire.tag(9, wire.LENGTH_DELIMITED), histogram_point),
    "ExponentialHistogram": _Kind(wire.tag(10, wire.LENGTH_DELIMITED), exponential_histogram_point),
}


def encode_metrics(
    data: Any,
    *,
    pause: Callable[[], None] = release_interpreter,
    refused: Refused = ignore,
) -> bytes:
    """Return metrics as a serialized ExportMetricsServiceRequest; empty where no metric has a point.

    Args:
        data: `MetricsData`: ours, or the SDK's.
        pause: Called after some points, so that other threads get the interpreter.
        refused: Told of each metric or point that is left out: one of a kind that OTLP has not, or whose numbers are
            none.
    """
    groups = Groups()
    write = _Writer(pause, refused)
    for of_resource in data.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            try:
                group = groups.of(of_resource.resource, of_scope.scope)
            except Exception as error:
                refused(error)
                continue
            group += filter(None, map(write.metric, of_scope.metrics))
    return groups.request()


class _Writer:
    """Writes metrics, with a pause after some points.

    Args:
        pause: Called after some points.
        refused: Told of what is left out.
    """

    def __init__(self, pause: Callable[[], None], refused: Refused) -> None:
        self._pause = pause
        self._refused = refused
        self._before_pause = SLICE

    def metric(self, metric: Any) -> bytes:
        """Return a metric as a field of ScopeMetrics; nothing where it has no points."""
        try:
            kind = _kind(metric.data)
            points = b"".join(self._points(kind, metric.data.data_points))
            if not points:
                return b""
            head = (
                wire.text_field(_NAME, metric.name)
                + wire.text_field(_DESCRIPTION, metric.description)
                + wire.text_field(_UNIT, metric.unit)
            )
            return wire.delimited(RECORD, head + wire.delimited(kind.tag, points + _character(metric.data)))
        except Exception as error:
            self._refused(error)
            return b""

    def _points(self, kind: _Kind, points: Iterable[Any]) -> Iterable[bytes]:
        for point in points:
            try:
                yield wire.delimited(_POINTS, kind.encode_point(point))
            except Exception as error:
                self._refused(error)
            self._before_pause -= 1
            if not self._before_pause:
                self._pause()
                self._before_pause = SLICE


def _kind(data: Any) -> _Kind:
    for each in type(data).__mro__:
        if each.__name__ in _KINDS:
            return _KINDS[each.__name__]
    raise TypeError(f"no kind of metric that OTLP has: {type(data).__name__}")


def _character(data: Any) -> bytes:
    """Return how the points relate to one another: a gauge's do not."""
    temporality = getattr(data, "aggregation_temporality", 0)
    of_time = _TEMPORALITY + wire.varint(int(temporality)) if temporality else b""
    return of_time + _IS_MONOTONIC if getattr(data, "is_monotonic", False) else of_time
