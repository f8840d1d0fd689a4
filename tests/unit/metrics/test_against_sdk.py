# SPDX-License-Identifier: Apache-2.0
"""The same measurements give the same data points as the SDK's, collection by collection."""

import logging
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from dbx_otel.metrics import preferences, sdk
from dbx_otel.metrics.cells import FOLD_AT
from dbx_otel.metrics.collection import Collector
from dbx_otel.metrics.instruments import Registry
from dbx_otel.otlp.model import Resource, Scope

BOUNDARIES = (0.005, 0.1, 1, 2.5, 100)
SETS: tuple[tuple[tuple[str, Any], ...], ...] = (
    (),
    (("http.route", "/a"), ("http.response.status_code", 200)),
    (("http.route", "/a"), ("http.response.status_code", 500), ("error.type", "ValueError")),
    (("zero", 0.0), ("flag", True)),
)
SPANS = (
    None,
    SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(1)),
    SpanContext(9, 10, is_remote=False, trace_flags=TraceFlags(0)),
)

values = st.one_of(
    st.sampled_from([0, 1, 5, 0.005, 0.1, 100, -1, -0.5, float("inf"), float("-inf"), float("nan")]),
    st.integers(0, 200),
    st.floats(0, 1e6),
)
measurements = st.tuples(
    st.sampled_from(["histogram", "counter", "up_down_counter"]),
    values,
    st.sampled_from(SETS),
    st.sampled_from(SPANS),
    st.sampled_from([1, 1, 1, FOLD_AT + 1]),
)
observations = st.lists(st.tuples(st.integers(-100, 100), st.sampled_from(SETS)), max_size=3)
intervals = st.lists(st.tuples(st.lists(measurements, max_size=20), observations), min_size=1, max_size=4)
environments = st.fixed_dictionaries(
    {
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": st.sampled_from(["cumulative", "delta", "lowmemory"]),
        "OTEL_METRICS_EXEMPLAR_FILTER": st.sampled_from(["trace_based", "always_on", "always_off"]),
    }
)


@pytest.fixture(autouse=True)
def sdk_is_quiet() -> Iterator[None]:
    """It has a line for each value that it leaves out."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


class Ours:
    def __init__(self, preferred: preferences.Preferences) -> None:
        registry = Registry()
        registry.configure(preferred)
        scope = Scope("s", "1")
        self.observed: list[Any] = []
        self.instruments: dict[str, Any] = {
            "histogram": registry.histogram(scope, "histogram", "s", "d", BOUNDARIES),
            "counter": registry.counter(scope, "counter", "s", "d"),
            "up_down_counter": registry.up_down_counter(scope, "up_down_counter", "s", "d"),
        }
        for kind in ("gauge", "counter", "up_down_counter"):
            registry.observable(scope, f"observable_{kind}", "s", "d", kind, lambda: self.observed)
        self.collect = Collector(registry, Resource({}), preferred, lambda: None).collect

    def measure(self, name: str, value: float, attributes: Any) -> None:
        instrument = self.instruments[name]
        (instrument.record if name == "histogram" else instrument.add)(value, attributes)


class Theirs:
    def __init__(self, preferred: preferences.Preferences) -> None:
        reader = InMemoryMetricReader(sdk.temporality(preferred))
        self.provider = MeterProvider([reader], exemplar_filter=sdk.exemplar_filter(preferred), shutdown_on_exit=False)
        meter = self.provider.get_meter("s", "1")
        self.observed: list[Any] = []
        self.instruments: dict[str, Any] = {
            "histogram": meter.create_histogram(
                "histogram", "s", "d", explicit_bucket_boundaries_advisory=list(BOUNDARIES)
            ),
            "counter": meter.create_counter("counter", "s", "d"),
            "up_down_counter": meter.create_up_down_counter("up_down_counter", "s", "d"),
        }
        for kind in ("gauge", "counter", "up_down_counter"):
            getattr(meter, f"create_observable_{kind}")(f"observable_{kind}", [self.look], "s", "d")
        self.collect = reader.get_metrics_data

    def look(self, _: Any) -> list[Observation]:
        return [Observation(value, dict(attributes)) for value, attributes in self.observed]

    def measure(self, name: str, value: float, attributes: Any) -> None:
        instrument = self.instruments[name]
        (instrument.record if name == "histogram" else instrument.add)(value, dict(attributes))


def told(data: Any) -> dict[str, Any]:
    """All that a collection says, but for times, in a form that can be compared."""
    if data is None:
        return {}
    ((resource,),) = [data.resource_metrics]
    ((scope,),) = [resource.scope_metrics]
    assert scope.scope.name == "s"
    return {
        metric.name: (
            metric.unit,
            metric.description,
            type(metric.data).__name__,
            getattr(metric.data, "aggregation_temporality", None),
            getattr(metric.data, "is_monotonic", None),
            sorted((point(metric.name, each) for each in metric.data.data_points), key=lambda each: repr(each[0])),
        )
        for metric in scope.metrics
    }


def point(name: str, point: Any) -> Any:
    attributes = sorted((key, type(value).__name__, value) for key, value in point.attributes.items())
    if name != "histogram":
        return (attributes, pytest.approx(point.value, rel=1e-12))
    return (
        attributes,
        point.count,
        pytest.approx(point.sum, rel=1e-12),
        tuple(point.bucket_counts),
        tuple(point.explicit_bounds),
        point.min,
        point.max,
        [(exemplar.value, exemplar.trace_id, exemplar.span_id) for exemplar in point.exemplars],
    )


def in_span(span: SpanContext | None) -> Any:
    return use_span(NonRecordingSpan(span)) if span is not None else nullcontext()


@given(environments, intervals)
def test_collections_are_equal(environ: dict[str, str], history: list[Any]) -> None:
    preferred, problems = preferences.load(environ)
    assert problems == []
    ours, theirs = Ours(preferred), Theirs(preferred)
    # The SDK tells an exemplar that was in no span with the span of another, which it had before in that place.
    no_span = SPANS[2] if preferred.exemplars == preferences.ALL_EXEMPLARS else None
    for measured, observed in history:
        for name, value, attributes, span, times in measured:
            for recorder in (ours, theirs):
                with in_span(span or no_span):
                    for _ in range(times):
                        recorder.measure(name, value, attributes)
        ours.observed = theirs.observed = observed
        assert told(ours.collect()) == told(theirs.collect())


@given(st.sampled_from(["cumulative", "delta", "lowmemory"]), st.lists(st.lists(st.sampled_from(SETS)), max_size=4))
def test_times_follow_the_same_rule(preference: str, history: list[Any]) -> None:
    environ = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": preference}
    preferred, _ = preferences.load(environ)
    ours, theirs = Ours(preferred), Theirs(preferred)
    followed = [Follower(), Follower()]
    for sets in history:
        recorder: Any
        for recorder, follower in zip((ours, theirs), followed, strict=True):
            for attributes in sets:
                for name in ("histogram", "counter", "up_down_counter"):
                    recorder.measure(name, 1, attributes)
            recorder.observed = [(1, attributes) for attributes in dict.fromkeys(sets)]
            follower.follow(recorder.collect())
    assert sorted(followed[0].seen, key=repr) == sorted(followed[1].seen, key=repr)


class Follower:
    """Tells for each point how its start relates to those of the same series before."""

    def __init__(self) -> None:
        self.starts: dict[Any, int] = {}
        self.ends: dict[Any, int] = {}
        self.seen: list[Any] = []
        self.collections: list[int] = []

    def follow(self, data: Any) -> None:
        for metric in data.resource_metrics[0].scope_metrics[0].metrics if data is not None else ():
            for each in metric.data.data_points:
                key = (metric.name, tuple(sorted(each.attributes.items())))
                start = each.start_time_unix_nano
                if start is None:
                    relation = "none"
                elif key not in self.starts:
                    relation = "first"
                elif start == self.starts[key]:
                    relation = "as before"
                else:
                    relation = "from a collection on"
                    assert start >= self.ends[key]
                assert start is None or start <= each.time_unix_nano
                self.seen.append((key, relation))
                self.starts.setdefault(key, start)
                self.ends[key] = each.time_unix_nano
