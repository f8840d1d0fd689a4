# SPDX-License-Identifier: Apache-2.0
"""What a collection of metrics is made of, by the names of `opentelemetry.sdk.metrics.export`, without importing it.

All times are nanoseconds since the epoch. Attributes are mappings. The encoder tells the classes apart by their names.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

DELTA: Final = 1
CUMULATIVE: Final = 2
"""Aggregation temporality, in the numbers of OTLP and of the SDK."""


class Exemplar:
    """One measurement that stands for others, with the span it was made in.

    Attributes:
        filtered_attributes: Attributes of the measurement that those of its data point leave out.
        value: What was measured.
        time_unix_nano: When.
        span_id: Span id; `None` where there was none.
        trace_id: Trace id, likewise.
    """

    __slots__ = ("filtered_attributes", "span_id", "time_unix_nano", "trace_id", "value")

    def __init__(
        self,
        filtered_attributes: Mapping[str, Any],
        value: float,
        time_unix_nano: int,
        span_id: int | None,
        trace_id: int | None,
    ) -> None:
        self.filtered_attributes = filtered_attributes
        self.value = value
        self.time_unix_nano = time_unix_nano
        self.span_id = span_id
        self.trace_id = trace_id


class NumberDataPoint:
    """The value of a sum or gauge for one set of attributes.

    Attributes:
        attributes: The attributes.
        start_time_unix_nano: From when a sum counts; `None` for a gauge.
        time_unix_nano: When it was collected.
        value: The value.
        exemplars: Exemplars since the collection before.
    """

    __slots__ = ("attributes", "exemplars", "start_time_unix_nano", "time_unix_nano", "value")

    def __init__(
        self,
        attributes: Mapping[str, Any],
        start_time_unix_nano: int | None,
        time_unix_nano: int,
        value: float,
        exemplars: Sequence[Exemplar] = (),
    ) -> None:
        self.attributes = attributes
        self.start_time_unix_nano = start_time_unix_nano
        self.time_unix_nano = time_unix_nano
        self.value = value
        self.exemplars = exemplars


class HistogramDataPoint:
    """The distribution of values for one set of attributes.

    Attributes:
        attributes: The attributes.
        start_time_unix_nano: From when it counts.
        time_unix_nano: When it was collected.
        count: How many values.
        sum: Their sum.
        bucket_counts: How many fall into each bucket: one more than there are bounds.
        explicit_bounds: Upper bounds of the buckets, inclusive, rising.
        min: The smallest value.
        max: The largest value.
        exemplars: Exemplars since the collection before.
    """

    __slots__ = (
        "attributes",
        "bucket_counts",
        "count",
        "exemplars",
        "explicit_bounds",
        "max",
        "min",
        "start_time_unix_nano",
        "sum",
        "time_unix_nano",
    )

    def __init__(  # noqa: PLR0913 -- the SDK's names
        self,
        *,
        attributes: Mapping[str, Any],
        start_time_unix_nano: int,
        time_unix_nano: int,
        count: int,
        sum: float,  # noqa: A002 -- the SDK's name
        bucket_counts: Sequence[int],
        explicit_bounds: Sequence[float],
        min: float,  # noqa: A002 -- the SDK's name
        max: float,  # noqa: A002 -- the SDK's name
        exemplars: Sequence[Exemplar] = (),
    ) -> None:
        self.attributes = attributes
        self.start_time_unix_nano = start_time_unix_nano
        self.time_unix_nano = time_unix_nano
        self.count = count
        self.sum = sum
        self.bucket_counts = bucket_counts
        self.explicit_bounds = explicit_bounds
        self.min = min
        self.max = max
        self.exemplars = exemplars


class Sum:
    """Values that add up.

    Attributes:
        data_points: One point for each set of attributes.
        aggregation_temporality: `DELTA` or `CUMULATIVE`.
        is_monotonic: Whether the values only rise.
    """

    __slots__ = ("aggregation_temporality", "data_points", "is_monotonic")

    def __init__(
        self, data_points: Sequence[NumberDataPoint], aggregation_temporality: int, *, is_monotonic: bool
    ) -> None:
        self.data_points = data_points
        self.aggregation_temporality = aggregation_temporality
        self.is_monotonic = is_monotonic


class Gauge:
    """Values of this moment.

    Attributes:
        data_points: One point for each set of attributes.
    """

    __slots__ = ("data_points",)

    def __init__(self, data_points: Sequence[NumberDataPoint]) -> None:
        self.data_points = data_points


class Histogram:
    """Distributions.

    Attributes:
        data_points: One point for each set of attributes.
        aggregation_temporality: `DELTA` or `CUMULATIVE`.
    """

    __slots__ = ("aggregation_temporality", "data_points")

    def __init__(self, data_points: Sequence[HistogramDataPoint], aggregation_temporality: int) -> None:
        self.data_points = data_points
        self.aggregation_temporality = aggregation_temporality


class Metric:
    """What one instrument has measured.

    Attributes:
        name: Name of the instrument.
        description: What it measures.
        unit: Unit, in UCUM's notation.
        data: The points.
    """

    __slots__ = ("data", "description", "name", "unit")

    def __init__(self, name: str, description: str, unit: str, data: Sum | Gauge | Histogram) -> None:
        self.name = name
        self.description = description
        self.unit = unit
        self.data = data


class ScopeMetrics:
    """The metrics of one library.

    Attributes:
        scope: The library: `name`, `version`, `attributes`.
        metrics: Its metrics, ours or the SDK's.
        schema_url: Schema of their names; empty where there is none.
    """

    __slots__ = ("metrics", "schema_url", "scope")

    def __init__(self, scope: Any, metrics: Sequence[Any], schema_url: str) -> None:
        self.scope = scope
        self.metrics = metrics
        self.schema_url = schema_url


class ResourceMetrics:
    """The metrics of one resource.

    Attributes:
        resource: Where they come from: `attributes`.
        scope_metrics: The metrics by library, ours or the SDK's.
        schema_url: Schema of the resource; empty where there is none.
    """

    __slots__ = ("resource", "schema_url", "scope_metrics")

    def __init__(self, resource: Any, scope_metrics: Sequence[Any], schema_url: str) -> None:
        self.resource = resource
        self.scope_metrics = scope_metrics
        self.schema_url = schema_url


class MetricsData:
    """All that one collection gives.

    Attributes:
        resource_metrics: The metrics by resource.
    """

    __slots__ = ("resource_metrics",)

    def __init__(self, resource_metrics: Sequence[ResourceMetrics]) -> None:
        self.resource_metrics = resource_metrics
