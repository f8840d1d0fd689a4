# SPDX-License-Identifier: Apache-2.0
"""OTLP's five kinds of metric as one kind of record."""

from collections.abc import Iterator
from typing import Any

from dbx_otel.local.records import Exemplar, MetricPoint, Scope
from dbx_otel.local.values import attributes_of, id_or_none

_TEMPORALITY = {1: "delta", 2: "cumulative"}


def metric_points(metric: Any, resource: dict[str, Any], scope: Scope) -> Iterator[MetricPoint]:
    """Yield the data points of one `Metric` message; none for a kind newer than this table."""
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    temporality = getattr(data, "aggregation_temporality", None)
    for point in data.data_points:
        yield MetricPoint(
            name=metric.name,
            description=metric.description,
            unit=metric.unit,
            type=kind,
            temporality=None if temporality is None else _TEMPORALITY.get(temporality, "unspecified"),
            monotonic=getattr(data, "is_monotonic", None),
            attributes=attributes_of(point.attributes),
            start_ns=point.start_time_unix_nano,
            time_ns=point.time_unix_nano,
            flags=point.flags,
            exemplars=[_exemplar(exemplar) for exemplar in getattr(point, "exemplars", ())],
            resource=resource,
            scope=scope,
            **_FIELDS[kind](point),
        )


def _number(point: Any) -> dict[str, Any]:
    return {"value": _value(point)}


def _value(point: Any) -> int | float | None:
    kind = point.WhichOneof("value")
    return None if kind is None else getattr(point, kind)


def _exemplar(exemplar: Any) -> Exemplar:
    return Exemplar(
        time_ns=exemplar.time_unix_nano,
        value=_value(exemplar),
        trace_id=id_or_none(exemplar.trace_id),
        span_id=id_or_none(exemplar.span_id),
        attributes=attributes_of(exemplar.filtered_attributes),
    )


def _statistics(point: Any) -> dict[str, Any]:
    return {"count": point.count} | {
        name: getattr(point, name) for name in ("sum", "min", "max") if point.HasField(name)
    }


def _histogram(point: Any) -> dict[str, Any]:
    buckets = {"bounds": list(point.explicit_bounds), "bucket_counts": list(point.bucket_counts)}
    return _statistics(point) | buckets


def _exponential_histogram(point: Any) -> dict[str, Any]:
    detail = {
        "scale": point.scale,
        "zero_count": point.zero_count,
        "zero_threshold": point.zero_threshold,
        "positive": {"offset": point.positive.offset, "bucket_counts": list(point.positive.bucket_counts)},
        "negative": {"offset": point.negative.offset, "bucket_counts": list(point.negative.bucket_counts)},
    }
    return _statistics(point) | {"detail": detail}


def _summary(point: Any) -> dict[str, Any]:
    quantiles = {item.quantile: item.value for item in point.quantile_values}
    return {"count": point.count, "sum": point.sum, "detail": {"quantiles": quantiles}}


_FIELDS = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential_histogram,
    "summary": _summary,
}
