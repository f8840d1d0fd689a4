# SPDX-License-Identifier: Apache-2.0
"""What arrived over OTLP, as plain records: one dataclass a signal, free of protobuf."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Attributes = Mapping[str, Any]
"""Values are str, bool, int, float, bytes, None, or lists and dicts of these (OTLP `AnyValue`)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The instrumentation scope: the library that made the record."""

    name: str = ""
    version: str = ""
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """An event on a span; `time_ns` is nanoseconds since the epoch."""

    time_ns: int
    name: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class SpanLink:
    """A link from a span to another one; ids are lower-case hex."""

    trace_id: str
    span_id: str
    trace_state: str
    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """One span.

    Attributes:
        trace_id: 32 lower-case hex digits.
        span_id: 16 lower-case hex digits.
        parent_span_id: 16 lower-case hex digits, or None for a root span.
        kind: `internal`, `server`, `client`, `producer`, `consumer` or `unspecified`.
        start_ns: Nanoseconds since the epoch; so is `end_ns`.
        status: `unset`, `ok` or `error`.
        flags: W3C trace flags and OTLP's "parent is remote" bits, as sent.
        dropped: What the sender had to leave out: counts of `attributes`, `events`, `links`; zeros absent.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: str
    start_ns: int
    end_ns: int
    status: str
    status_message: str
    attributes: Attributes
    events: Sequence[SpanEvent]
    links: Sequence[SpanLink]
    trace_state: str
    flags: int
    dropped: Mapping[str, int]
    resource: Attributes
    scope: Scope

    @property
    def duration_ns(self) -> int:
        """Length of the span in nanoseconds; negative when the sender's clock went backwards."""
        return self.end_ns - self.start_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """One log record.

    Attributes:
        time_ns: When it happened, nanoseconds since the epoch; 0 when the sender did not know.
        observed_ns: When it was collected, nanoseconds since the epoch.
        severity_number: OpenTelemetry severity number, 0 (not given) to 24.
        body: Any OTLP value; None when there is none.
        event_name: Name of the event class; empty for a record that is no event.
        trace_id: 32 lower-case hex digits, or None outside a trace.
        span_id: 16 lower-case hex digits, or None outside a span.
    """

    time_ns: int
    observed_ns: int
    severity_number: int
    severity_text: str
    body: Any
    event_name: str
    attributes: Attributes
    trace_id: str | None
    span_id: str | None
    flags: int
    dropped_attributes: int
    resource: Attributes
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """A measurement kept as an example; ids are hex, or None outside a trace."""

    time_ns: int
    value: int | float | None
    trace_id: str | None
    span_id: str | None
    attributes: Attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPoint:
    """One data point of a metric.

    Attributes:
        name: Name of the metric.
        type: `gauge`, `sum`, `histogram`, `exponential_histogram` or `summary`.
        temporality: `delta`, `cumulative` or `unspecified`; None for gauges and summaries, which have none.
        monotonic: Whether a sum only grows; None for everything that is no sum.
        start_ns: Start of the interval, nanoseconds since the epoch; 0 when not given.
        time_ns: When the point holds, nanoseconds since the epoch.
        value: Of a gauge or sum; None for the others and for a point marked "no recorded value".
        count: Number of measurements, for histograms and summaries.
        sum: Their sum; None when not given.
        min: Smallest measurement, for histograms that tell it.
        max: Largest measurement, for histograms that tell it.
        bounds: Upper bounds of the buckets of a histogram, one fewer than `bucket_counts`.
        bucket_counts: Measurements in each bucket of a histogram.
        detail: What only one type has, in OTLP's words: `scale`, `zero_count`, `zero_threshold`, `positive`,
            `negative` of an exponential histogram; `quantiles` of a summary.
    """

    name: str
    description: str
    unit: str
    type: str
    temporality: str | None
    monotonic: bool | None
    attributes: Attributes
    start_ns: int
    time_ns: int
    flags: int
    value: int | float | None = None
    count: int | None = None
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    bounds: Sequence[float] = ()
    bucket_counts: Sequence[int] = ()
    exemplars: Sequence[Exemplar] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    resource: Attributes
    scope: Scope


@dataclass(slots=True)
class Batch:
    """The records of one export request.

    Attributes:
        rejected: How many records of the request could not be taken.
        complaints: Why, one sentence each, naming the value and the remedy; also what was put right.
    """

    spans: list[SpanRecord] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)
    metrics: list[MetricPoint] = field(default_factory=list)
    rejected: int = 0
    complaints: list[str] = field(default_factory=list)
