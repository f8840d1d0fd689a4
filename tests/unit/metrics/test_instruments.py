# SPDX-License-Identifier: Apache-2.0
"""Nothing that was measured is lost or counted twice, whoever measures and wherever from."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import context
from opentelemetry.instrumentation.utils import suppress_instrumentation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from dbx_otel.metrics import instruments, points
from dbx_otel.metrics.cells import FOLD_AT, HistogramCell, SumCell
from dbx_otel.metrics.instruments import DEFAULT_BOUNDARIES, Registry, _nowhere
from dbx_otel.metrics.preferences import ALL_EXEMPLARS, NO_EXEMPLARS, Preferences
from dbx_otel.metrics.synchronous import CARDINALITY_LIMIT, OVERFLOW
from dbx_otel.metrics.through_meters import route_to
from tests.support.forking import exit_status_of_child
from tests.unit.metrics.reading import DELTA, SCOPE, collector, metrics_of, points_of, values_of

ROUTE = (("http.route", "/a"),)
SAMPLED = SpanContext(7, 8, is_remote=False, trace_flags=TraceFlags(1))
UNSAMPLED = SpanContext(9, 10, is_remote=False, trace_flags=TraceFlags(0))


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def _hasty_threads() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_asked_twice_for_the_same_it_is_the_same(registry: Registry) -> None:
    one = registry.histogram(SCOPE, "h", "s", "d")
    assert registry.histogram(SCOPE, "h", "s", "d") is one
    assert registry.histogram(SCOPE, "another", "s", "d") is not one
    counter: Any = registry.counter(SCOPE, "h", "s", "d")
    assert counter is not one
    assert one.boundaries == DEFAULT_BOUNDARIES


def test_a_value_falls_into_the_bucket_whose_bound_it_reaches(registry: Registry) -> None:
    histogram = registry.histogram(SCOPE, "h", "s", "d", (1, 5))
    for value in (0, 1, 1.5, 5, 5.1, 100):
        histogram.record(value, ROUTE)
    (point,) = points_of(collector(registry).collect(), "h").values()
    assert point.bucket_counts == (2, 2, 2)
    assert (point.count, point.sum, point.min, point.max) == (6, 112.6, 0, 100)


def test_nothing_measured_is_nothing_told(registry: Registry) -> None:
    registry.histogram(SCOPE, "h", "s", "d")
    registry.counter(SCOPE, "c", "s", "d")
    assert collector(registry).collect() is None


@pytest.mark.usefixtures("_hasty_threads")
def test_no_measurement_is_lost_among_threads(registry: Registry) -> None:
    histogram = registry.histogram(SCOPE, "h", "s", "d", (1, 2))
    counter = registry.up_down_counter(SCOPE, "c", "s", "d")
    times, threads = 5000, 6
    told = []
    done = threading.Event()

    def record() -> None:
        for number in range(times):
            histogram.record(number % 3, ROUTE)
            counter.add(3, ROUTE)
            counter.add(-2, ROUTE)

    def collect() -> None:
        collecting = collector(registry, DELTA)
        while not done.is_set():
            told.append(collecting.collect())
        told.append(collecting.collect())

    collecting = threading.Thread(target=collect)
    recording = [threading.Thread(target=record) for _ in range(threads)]
    for thread in (collecting, *recording):
        thread.start()
    for thread in recording:
        thread.join()
    done.set()
    collecting.join()
    found = [point for data in told for point in points_of(data, "h").values()]
    assert sum(point.count for point in found) == times * threads
    assert sum(point.sum for point in found) == sum(number % 3 for number in range(times)) * threads
    assert values_of(told[-1], "c") == {ROUTE: times * threads}


def test_a_signal_handler_may_measure_too(registry: Registry) -> None:
    histogram = registry.histogram(SCOPE, "h", "s", "d")
    handled = 0

    def handle(*_signal: Any) -> None:
        nonlocal handled
        handled += FOLD_AT
        for _ in range(FOLD_AT):
            histogram.record(2, ROUTE)

    recorded = 0
    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            histogram.record(1, ROUTE)
            recorded += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert handled > 100
    assert values_of(collector(registry).collect(), "h") == {ROUTE: recorded + handled}


@pytest.mark.parametrize("cell", [HistogramCell((1,)), SumCell()])
def test_what_is_measured_amidst_a_fold_is_kept(cell: Any) -> None:
    cell.pending = Interrupted([1, 2])
    cell.fold()
    assert cell.pending == [7]
    cell.fold()
    assert (cell.sum if isinstance(cell, HistogramCell) else cell.value) == 10


class Interrupted(list[float]):
    """What is pending, of which some is taken while a finalizer measures."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        if 7 not in self:
            self.append(7)
        return found


def test_who_collects_does_not_wait_for_ever(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(points, "_PATIENCE", 0.01)
    counter = registry.counter(SCOPE, "c", "s", "d")
    counter.add(1, ROUTE)
    with counter.lock:
        for _ in range(2 * FOLD_AT):
            counter.add(1, ROUTE)
        assert collector(registry).collect() is None
    assert values_of(collector(registry).collect(), "c") == {ROUTE: 2 * FOLD_AT + 1}


def test_past_the_limit_all_is_counted_together(registry: Registry) -> None:
    counter = registry.counter(SCOPE, "c", "s", "d")
    for number in range(CARDINALITY_LIMIT + 10):
        counter.add(1, (("number", number),))
    counter.add(1, (("number", 0),))
    found = values_of(collector(registry).collect(), "c")
    assert len(found) == CARDINALITY_LIMIT
    assert found[OVERFLOW] == 11
    assert found[(("number", 0),)] == 2
    assert sum(found.values()) == CARDINALITY_LIMIT + 11


@pytest.mark.parametrize(
    ("exemplars", "given", "around", "told"),
    [
        (Preferences().exemplars, SAMPLED, None, (7, 8)),
        (Preferences().exemplars, None, SAMPLED, (7, 8)),
        (Preferences().exemplars, SAMPLED, UNSAMPLED, (7, 8)),
        (Preferences().exemplars, UNSAMPLED, SAMPLED, None),
        (Preferences().exemplars, None, None, None),
        (NO_EXEMPLARS, SAMPLED, SAMPLED, None),
        (ALL_EXEMPLARS, UNSAMPLED, None, (9, 10)),
        (ALL_EXEMPLARS, None, None, (None, None)),
    ],
)
def test_exemplars(registry: Registry, exemplars: int, given: Any, around: Any, told: Any) -> None:
    histogram = registry.histogram(SCOPE, "h", "s", "d", (1,))
    registry.configure(Preferences(exemplars=exemplars))
    collecting = collector(registry)
    before = time.time_ns()
    token = context.attach(context.Context())
    if around is not None:
        with use_span(NonRecordingSpan(around)):
            histogram.record(3, ROUTE, given)
    else:
        histogram.record(3, ROUTE, given)
    context.detach(token)
    (point,) = points_of(collecting.collect(), "h").values()
    assert [(each.trace_id, each.span_id) for each in point.exemplars] == ([told] if told else [])
    assert all(each.value == 3 and before <= each.time_unix_nano <= time.time_ns() for each in point.exemplars)
    (point,) = points_of(collecting.collect(), "h").values()
    assert point.exemplars == []


def test_each_bucket_keeps_its_last_exemplar(registry: Registry) -> None:
    histogram = registry.histogram(SCOPE, "h", "s", "d", (1, 2))
    for value in (3, 0.1, 4, 0.2):
        histogram.record(value, ROUTE, SAMPLED)
    (point,) = points_of(collector(registry).collect(), "h").values()
    assert [each.value for each in point.exemplars] == [0.2, 4]


def test_calls_that_send_telemetry_are_not_measured(registry: Registry) -> None:
    heeding = registry.histogram(SCOPE, "heeding", "s", "d", heeds_suppression=True)
    other = registry.histogram(SCOPE, "other", "s", "d")
    with suppress_instrumentation():
        heeding.record(1, ROUTE)
        other.record(1, ROUTE)
    token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, value=True))
    heeding.record(1, ROUTE)
    context.detach(token)
    heeding.record(1, ROUTE)
    data = collector(registry).collect()
    assert values_of(data, "heeding") == {ROUTE: 1}
    assert values_of(data, "other") == {ROUTE: 1}


def test_a_forked_child_counts_from_zero(registry: Registry) -> None:
    counter = registry.counter(SCOPE, "c", "s", "d")
    observable = registry.observable(SCOPE, "o", "s", "d", "counter", lambda: [(5, ())])
    delta = Preferences(delta=frozenset(("observable_counter",)))
    collecting = collector(registry, delta)
    counter.add(5, ROUTE)
    collecting.collect()
    forked = time.time_ns()

    def child() -> bool:
        registry.begin_anew()
        counter.add(1, ROUTE)
        data = collecting.collect()
        (point,) = points_of(data, "c").values()
        return point.value == 1 and point.start_time_unix_nano > forked and values_of(data, "o") == {(): 5}

    with counter.lock:  # as another thread of the parent may hold it
        assert exit_status_of_child(child) == 0
    assert values_of(collecting.collect(), "c") == {ROUTE: 5}
    assert observable.previous == {(): 5}


def test_the_process_s_own_registry_begins_anew_in_a_child() -> None:
    counter = instruments.counter(SCOPE, "of the process", "s", "d")
    counter.add(1, ROUTE)

    def child() -> bool:
        return not counter.cells

    assert exit_status_of_child(child) == 0
    assert counter.cells


def test_one_that_cannot_be_looked_up_is_reported_and_leaves_the_others(
    registry: Registry, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBX_OTEL_RUN_SAID", raising=False)

    def fail() -> Any:
        raise OSError("no such file")

    registry.observable(SCOPE, "broken", "s", "d", "gauge", fail)
    registry.observable(SCOPE, "whole", "s", "d", "gauge", lambda: [(1, ()), (2, ())])
    data = collector(registry).collect()
    assert values_of(data, "whole") == {(): 2}
    assert "broken" not in metrics_of(data)
    assert capfd.readouterr().err == "dbx-otel: the metric broken is left out: OSError: no such file\n"


class TestThroughMeters:
    def test_all_is_recorded_by_the_sdk_and_what_came_before_is_handed_over(self, registry: Registry) -> None:
        reader = InMemoryMetricReader()
        provider = MeterProvider([reader], shutdown_on_exit=False)
        active = registry.up_down_counter(SCOPE, "active", "{request}", "d")
        active.add(1, ROUTE)
        registry.send(route_to(provider))
        active.add(-1, ROUTE)
        histogram = registry.histogram(SCOPE, "h", "s", "what", (1, 2))
        histogram.record(1.5, ROUTE, SAMPLED)
        registry.counter(SCOPE, "c", "s", "d").add(2, ROUTE)
        registry.observable(SCOPE, "o", "s", "d", "gauge", lambda: [(3, ROUTE)])
        data = reader.get_metrics_data()
        assert values_of(data, "active") == {ROUTE: 0}
        assert values_of(data, "c") == {ROUTE: 2}
        assert values_of(data, "o") == {ROUTE: 3}
        (point,) = points_of(data, "h").values()
        assert (point.count, tuple(point.explicit_bounds)) == (1, (1, 2))
        assert [(each.trace_id, each.span_id) for each in point.exemplars] == [(7, 8)]
        metric = metrics_of(data)["h"]
        assert (metric.unit, metric.description) == ("s", "what")
        assert collector(registry).collect() is None

    def test_nothing_is_recorded_where_nobody_collects(self, registry: Registry) -> None:
        histogram = registry.histogram(SCOPE, "h", "s", "d")
        assert registry.is_recording
        registry.send(_nowhere)
        histogram.record(1, ROUTE)
        registry.counter(SCOPE, "c", "s", "d").add(1, ROUTE)
        assert not registry.is_recording
        assert collector(registry).collect() is None
        assert histogram.cells == {}


def test_what_the_app_loads_is_light() -> None:
    code = (
        "import sys; before = set(sys.modules); from dbx_otel.metrics import http, instruments, collection, process;"
        "print(*(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env=path())
    loaded = set(done.stdout.split())
    assert "dbx_otel.metrics.instruments" in loaded
    assert not {"opentelemetry", "psutil", "logging", "threading", "asyncio", "socket", "ssl"} & loaded


def path() -> dict[str, str]:
    return {"PYTHONPATH": ":".join(entry for entry in sys.path if entry)}
