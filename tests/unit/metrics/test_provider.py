# SPDX-License-Identifier: Apache-2.0
"""The app gets what it would get from the SDK, which is made when the app uses it."""

import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.metrics import CallbackOptions, MeterProvider, NoOpMeter, Observation
from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from dbx_otel.metrics import sdk
from dbx_otel.metrics.instruments import Registry
from dbx_otel.metrics.preferences import Preferences
from dbx_otel.metrics.provider import DeferredMeterProvider
from dbx_otel.metrics.through_meters import route_to
from tests.support.forking import exit_status_of_child
from tests.unit.metrics.reading import RESOURCE, SCOPE, metrics_of, values_of
from tests.unit.metrics.test_instruments import path

RED = (("color", "red"),)


class Made:
    """A provider, and how often the SDK's was made and flushed."""

    def __init__(self, make: Callable[[], Any] | None = None) -> None:
        self.times = 0
        self.flushed: list[float] = []
        self.registry = Registry()
        self._really_make = make or (lambda: sdk.make_provider(RESOURCE, Preferences(), None))
        self.provider = DeferredMeterProvider(
            self._make, self._flush, lambda provider: self.registry.send(route_to(provider))
        )

    def _make(self) -> Any:
        self.times += 1
        return self._really_make()

    def _flush(self, seconds: float) -> bool:
        self.flushed.append(seconds)
        return True


@pytest.fixture
def made() -> Made:
    return Made()


FIRST_MEASUREMENT = """
import sys
from dbx_otel.distro.light import meters
from dbx_otel.otlp.model import Resource
from dbx_otel.settings import Settings

collect = meters.configure(Settings(), Resource({}), lambda seconds: True, {})
print("opentelemetry.metrics" in sys.modules, collect())

from opentelemetry import metrics

counter = metrics.get_meter("app", "2").create_counter("c", "1", "d")
print(type(metrics.get_meter_provider()).__name__, "opentelemetry.sdk" in sys.modules, collect())
counter.add(3)
sdk = sys.modules["opentelemetry.sdk.metrics"]
print(isinstance(metrics.get_meter_provider(), sdk.MeterProvider))
(resource,) = collect().resource_metrics
(scope,) = resource.scope_metrics
print(scope.scope.name, scope.scope.version, [point.value for point in scope.metrics[0].data.data_points])
"""


def test_the_sdk_is_imported_with_the_first_measurement_which_is_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_MEASUREMENT], capture_output=True, text=True, check=False, env=path()
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["False None", "DeferredMeterProvider False None", "True", "app 2 [3]"]


def test_every_kind_of_instrument(made: Made) -> None:
    meter = made.provider.get_meter("app", "1", "https://schema", {"key": "value"})

    def look(_: CallbackOptions) -> list[Observation]:
        return [Observation(7, {"color": "red"})]

    counter = meter.create_counter("counter", "u", "d")
    up_down = meter.create_up_down_counter("up_down", "u", "d")
    histogram = meter.create_histogram("histogram", "u", "d", explicit_bucket_boundaries_advisory=[1, 2])
    gauge = meter.create_gauge("gauge", "u", "d")
    for kind in ("counter", "up_down_counter", "gauge"):
        getattr(meter, f"create_observable_{kind}")(f"observable_{kind}", [look], "u", "d")
    assert made.times == 0
    counter.add(1, {"color": "red"})
    up_down.add(-2, {"color": "red"})
    histogram.record(1.5, {"color": "red"})
    gauge.set(4, {"color": "red"})
    data = made.provider.collect()
    assert made.times == 1
    assert {name: values_of(data, name) for name in metrics_of(data)} == {
        "counter": {RED: 1},
        "up_down": {RED: -2},
        "histogram": {RED: 1},
        "gauge": {RED: 4},
        "observable_counter": {RED: 7},
        "observable_up_down_counter": {RED: 7},
        "observable_gauge": {RED: 7},
    }
    assert all((metric.unit, metric.description) == ("u", "d") for metric in metrics_of(data).values())
    (resource,) = data.resource_metrics
    (scope,) = resource.scope_metrics
    assert (scope.scope.name, scope.scope.version, scope.schema_url) == ("app", "1", "https://schema")
    assert dict(scope.scope.attributes) == {"key": "value"}
    assert dict(resource.resource.attributes) == dict(RESOURCE.attributes)


def test_what_looks_for_itself_does_so_without_any_measurement(made: Made) -> None:
    assert made.provider.collect() is None
    meter = made.provider.get_meter("app")
    calls: list[int] = []

    def look(_: CallbackOptions) -> list[Observation]:
        calls.append(1)
        return [Observation(len(calls))]

    for _ in range(3):  # the same, which the SDK asks once
        meter.create_observable_gauge("g", [look])
    assert made.times == 0
    assert values_of(made.provider.collect(), "g") == {(): 1}
    assert values_of(made.provider.collect(), "g") == {(): 2}
    meter.create_observable_gauge("late", [look])
    assert values_of(made.provider.collect(), "late") == {(): 4}
    assert made.times == 1


def test_a_generator_may_look(made: Made) -> None:
    def look() -> Any:
        number = 0
        options = yield []
        while True:
            assert isinstance(options, CallbackOptions)
            number += 1
            options = yield [Observation(number)]

    made.provider.get_meter("app").create_observable_counter("c", [look()])
    assert values_of(made.provider.collect(), "c") == {(): 1}
    assert values_of(made.provider.collect(), "c") == {(): 2}


def test_the_same_instrument_twice_is_one_series(made: Made) -> None:
    for _ in range(3):
        made.provider.get_meter("app").create_counter("c").add(1)
    assert values_of(made.provider.collect(), "c") == {(): 3}


def test_one_that_the_sdk_does_not_take_is_reported_where_it_is_used(
    made: Made, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBX_OTEL_RUN_SAID", raising=False)
    meter = made.provider.get_meter("app")
    bad = meter.create_counter("1 bad name")
    good = meter.create_counter("good")
    for counter in (bad, good, bad):
        counter.add(1)
    meter.create_observable_gauge("", [])
    assert list(metrics_of(made.provider.collect())) == ["good"]
    errors = capfd.readouterr().err.splitlines()
    assert [line.partition(" is left out")[0] for line in errors] == [
        "dbx-otel: what the app records as metric '1 bad name'",
        "dbx-otel: what the app records as metric ''",
    ]


def test_an_sdk_that_cannot_be_started_is_reported_and_nothing_else_happens(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBX_OTEL_RUN_SAID", raising=False)

    def fail() -> Any:
        raise ImportError("no SDK here")

    made = Made(fail)
    counter = made.provider.get_meter("app").create_counter("c")
    for _ in range(3):
        counter.add(1)
    assert made.provider.collect() is None
    assert made.times == 1
    assert capfd.readouterr().err.startswith(
        "dbx-otel: metrics of the app are not recorded, everything else is: ImportError: no SDK here"
    )


def test_it_passes_for_the_sdk_s(made: Made) -> None:
    provider: Any = made.provider
    assert isinstance(provider, MeterProvider)
    assert isinstance(provider, SdkMeterProvider)
    assert isinstance(provider, DeferredMeterProvider)
    assert made.times == 0
    assert provider._sdk_config.resource.attributes["service.name"] == "tests"
    assert provider.get_meter("app").create_counter("c").name == "c"
    assert not hasattr(provider, "no_such_thing")


def test_a_reader_of_the_app_sees_what_the_distribution_measures(made: Made) -> None:
    requests = made.registry.counter(SCOPE, "requests", "", "")
    requests.add(1, RED)
    reader = InMemoryMetricReader()
    made.provider.add_metric_reader(reader)  # as the app would with the SDK's provider
    requests.add(1, RED)
    assert values_of(made.provider.collect(), "requests") == {RED: 2}
    assert values_of(reader.get_metrics_data(), "requests") == {RED: 1}


def test_flush_and_shutdown(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    counter = made.provider.get_meter("app").create_counter("c")
    counter.add(1)
    assert made.provider.force_flush(2000)
    made.provider.shutdown(3000)
    assert made.flushed == [2.0, 3.0]
    counter.add(1)
    assert made.provider.collect() is None
    assert isinstance(made.provider.get_meter("app"), NoOpMeter)
    made.provider.shutdown()
    assert made.flushed == [2.0, 3.0]
    assert "shutdown can only be called once" in caplog.messages


def test_a_meter_needs_a_name(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(made.provider.get_meter(""), NoOpMeter)
    assert len(caplog.messages) == 1


def test_a_forked_child_counts_from_zero(made: Made) -> None:
    meter = made.provider.get_meter("app")
    counter = meter.create_counter("c")
    meter.create_observable_gauge("g", [lambda _: [Observation(1)]])
    counter.add(5)

    def child() -> bool:
        counter.add(1)
        data = made.provider.collect()
        return values_of(data, "c") == {(): 1} and values_of(data, "g") == {(): 1}

    with made.provider._lock:
        assert exit_status_of_child(child) == 0
    assert values_of(made.provider.collect(), "c") == {(): 5}


def test_threads_that_measure_first_make_one(made: Made) -> None:
    counter = made.provider.get_meter("app").create_counter("c")
    barrier = threading.Barrier(8)

    def measure() -> None:
        barrier.wait()
        for _ in range(100):
            counter.add(1)

    threads = [threading.Thread(target=measure) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made.times == 1
    assert values_of(made.provider.collect(), "c") == {(): 800}


class Reader(InMemoryMetricReader):
    """Counts how often it is flushed."""

    flushed = 0

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        self.flushed += 1
        return super().force_flush(timeout_millis)


def test_a_flush_reaches_the_readers_of_the_app(made: Made) -> None:
    reader = Reader()
    made.provider.add_metric_reader(reader)
    assert made.provider.force_flush()
    assert (reader.flushed, len(made.flushed)) == (1, 1)


def test_a_reader_of_the_app_sees_what_a_forked_child_measures(made: Made) -> None:
    reader = InMemoryMetricReader()
    counter = made.provider.get_meter("app").create_counter("c")
    made.provider.add_metric_reader(reader)
    counter.add(5)

    def child() -> bool:
        counter.add(1)
        return values_of(reader.get_metrics_data(), "c") == {(): 1}

    assert exit_status_of_child(child) == 0
    assert values_of(reader.get_metrics_data(), "c") == {(): 5}
