# SPDX-License-Identifier: Apache-2.0
"""Metrics of the light pipeline put together, each time in a process of its own: the provider is global, set once."""

import json
import subprocess
import sys

import pytest

from tests.support.environments import variables

SET_UP = """
import json, os, sys
from dbx_otel.distro.light import meters
from dbx_otel.metrics import http, instruments, process
from dbx_otel.otlp.model import Resource, Scope
from dbx_otel.settings import load

process._SOON = 0.0
resource = Resource({"service.instance.id": "parent"})
flushed = []
collect = meters.configure(load()[0], resource, lambda seconds: flushed.append(seconds) or True)

def told(data):
    (one,) = data.resource_metrics
    return {
        f"{scope.scope.name}: {metric.name}": [
            type(metric.data).__name__,
            int(getattr(metric.data, "aggregation_temporality", 0)),
            [getattr(point, "value", None) or point.count for point in metric.data.data_points],
        ]
        for scope in one.scope_metrics for metric in scope.metrics
        if scope.scope.name.endswith(("hook", "app"))
    }
"""
HOOK_AND_APP = """
duration = http.server_request_duration(Scope("hook"))
duration.record(0.2, (("http.route", "/a"),))
from opentelemetry import metrics
metrics.get_meter("app").create_counter("orders").add(2)
metrics.get_meter("app").create_histogram("sizes").record(3)
print(json.dumps(told(collect())))
"""
DURATION, ORDERS, SIZES = "hook: http.server.request.duration", "app: orders", "app: sizes"


def python(code: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SET_UP + code],
        env=variables(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, {DURATION: ["Histogram", 2, [1]], ORDERS: ["Sum", 2, [2]], SIZES: ["Histogram", 2, [1]]}),
        (
            {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"},
            {DURATION: ["Histogram", 1, [1]], ORDERS: ["Sum", 1, [2]], SIZES: ["Histogram", 1, [1]]},
        ),
        (
            {"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram"},
            {
                DURATION: ["ExponentialHistogram", 2, [1]],
                ORDERS: ["Sum", 2, [2]],
                SIZES: ["ExponentialHistogram", 2, [1]],
            },
        ),
    ],
)
def test_what_the_distribution_and_the_app_record_is_collected_together(
    environ: dict[str, str], told: dict[str, object]
) -> None:
    done = python(HOOK_AND_APP, **environ)
    assert done.stderr == ""
    assert json.loads(done.stdout) == told


def test_bad_values_are_said_and_not_followed() -> None:
    done = python(
        HOOK_AND_APP,
        OTEL_METRICS_EXEMPLAR_FILTER="some",
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="sometimes",
        DBX_OTEL_METRICS_VIEWS="nowhere:VIEWS",
    )
    assert set(json.loads(done.stdout)) == {DURATION, ORDERS, SIZES}
    assert [line.split(" ")[1] for line in done.stderr.splitlines()] == [
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "OTEL_METRICS_EXEMPLAR_FILTER",
        "DBX_OTEL_METRICS_VIEWS",
    ]


def test_the_process_is_observed_unless_that_is_left_out() -> None:
    count = (
        "\ndata = collect()\nprint(data and [len(scope.metrics) for scope in data.resource_metrics[0].scope_metrics])"
    )
    assert python(count).stdout == "[7]\n"
    assert python(count, DBX_OTEL_DISABLED_INSTRUMENTATIONS="system-metrics").stdout == "None\n"


def test_the_app_may_flush() -> None:
    flush = "\nfrom opentelemetry import metrics\nprint(metrics.get_meter_provider().force_flush(2000), flushed)"
    assert python(flush).stdout == "True [2.0]\n"


def test_meters_of_before_are_heeded() -> None:
    early = """
meter = metrics.get_meter("app")
counter = meter.create_counter("orders")
exec(SET_UP)
counter.add(2)
print(json.dumps(told(collect())))
"""
    code = f"SET_UP = {SET_UP!r}\nfrom opentelemetry import metrics\n{early}"
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables(), capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == {ORDERS: ["Sum", 2, [2]]}


def test_a_child_tells_its_own_resource_and_counts() -> None:
    fork = """
duration = http.server_request_duration(Scope("hook"))
duration.record(0.2, ())
from opentelemetry import metrics
counter = metrics.get_meter("app").create_counter("orders")
counter.add(2)
collect()
if os.fork() == 0:
    resource.attributes = {"service.instance.id": "child"}
    duration.record(0.2, ())
    counter.add(1)
    data = collect()
    print(json.dumps([data.resource_metrics[0].resource.attributes, told(data)]))
    sys.stdout.flush()
    os._exit(0)
os.wait()
"""
    attributes, told = json.loads(python(fork).stdout)
    assert attributes == {"service.instance.id": "child"}
    assert told == {DURATION: ["Histogram", 2, [1]], ORDERS: ["Sum", 2, [1]]}


def test_where_metrics_go_nowhere_nothing_is_recorded() -> None:
    off = """
meters.switch_off()
duration = http.server_request_duration(Scope("hook"))
duration.record(0.2, ())
print(instruments.is_recording(), duration.cells)
"""
    assert python(off).stdout == "False {}\n"
