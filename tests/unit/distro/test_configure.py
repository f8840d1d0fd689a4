# SPDX-License-Identifier: Apache-2.0
"""The whole put together, each time in a process of its own: providers are global and set once."""

import subprocess
import sys

import pytest

from tests.support.environments import run, variables

SHOW = """
from opentelemetry import metrics, propagate, trace, _logs
from dbx_otel import distro
print(distro.start(wait=True), *(type(one).__name__ for one in (
    trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider())))
"""


def python(code: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=variables(**more), capture_output=True, text=True, check=False, timeout=60
    )


def launched_python(code: str, **more: str) -> subprocess.CompletedProcess[str]:
    """As `python`, from the launcher on."""
    return run([sys.executable, "-c", code], variables(**more))


@pytest.mark.parametrize(
    ("environ", "shown"),
    [
        # Spans always: log lines bear their ids.
        ({}, "True TracerProvider _ProxyMeterProvider ProxyLoggerProvider"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "DBX_OTEL_EXIT_DEADLINE": "0"},
            "True TracerProvider DeferredMeterProvider LoggerProvider",
        ),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
                "DBX_OTEL_EXIT_DEADLINE": "0",
                "DBX_OTEL_PIPELINE": "sdk",
            },
            "True TracerProvider MeterProvider LoggerProvider",
        ),
        ({"OTEL_SDK_DISABLED": "true"}, "True ProxyTracerProvider _ProxyMeterProvider ProxyLoggerProvider"),
    ],
)
def test_providers(environ: dict[str, str], shown: str) -> None:
    assert python(SHOW, **environ).stdout == f"{shown}\n"


def test_bad_settings_are_said_and_not_followed() -> None:
    done = python(SHOW, DBX_OTEL_STDOUT="loud", DBX_OTEL_IDENTITY="hash", DBX_OTEL_TYPO="1", OTEL_CONFIG_FILE="/a.yaml")
    assert done.stdout.startswith("True TracerProvider")
    lines = done.stderr.splitlines()
    assert [line.split(" ")[1] for line in lines] == [
        "DBX_OTEL_STDOUT",
        "DBX_OTEL_TYPO",
        "DBX_OTEL_IDENTITY",
        "OTEL_CONFIG_FILE",
    ]
    assert "which dbx-otel does not follow" in lines[3]
    assert "Remedy: " in lines[3]


def test_identity_comes_in_beside_the_configured_propagators_and_never_goes_out() -> None:
    code = """
from dbx_otel import distro, identity
distro.start(wait=True)
from opentelemetry import context, propagate, trace
from opentelemetry.instrumentation.wsgi import wsgi_getter
environ = {"wsgi.url_scheme": "http", "HTTP_X_FORWARDED_EMAIL": "ada@example.com"}
environ["HTTP_TRACEPARENT"] = f"00-{'a' * 32}-{'b' * 16}-01"
found = propagate.extract(environ, getter=wsgi_getter)
print(identity.current(found).user["email"], trace.get_current_span(found).get_span_context().is_valid)
sent = {}
propagate.inject(sent, found)
print(sorted(sent), "ada" in str(sent))
"""
    app = {"DATABRICKS_APP_NAME": "orders"}
    assert python(code, **app).stdout == "ada@example.com True\n['traceparent'] False\n"
    assert python(code, OTEL_PROPAGATORS="baggage", **app).stdout == "ada@example.com False\n[] False\n"


SHOW_WORK = """
import flask
from opentelemetry import trace, metrics, _logs
from opentelemetry.propagate import get_global_textmap
from dbx_otel.delivery import exiting
print(*("Proxy" not in type(one).__name__ for one in (
    trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider())),
    *sorted(name.split(" ")[0] for name, *_ in exiting._flushes))
print(*sorted(get_global_textmap().fields))
app = flask.Flask("app")
app.add_url_rule("/", view_func=lambda: "span" if trace.get_current_span().is_recording() else "none")
print(app.test_client().get("/").text)
"""
SDK = {"DBX_OTEL_PIPELINE": "sdk"}
DESTINATION = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "DBX_OTEL_EXIT_DEADLINE": "0"}
TOO_LARGE = "ValueError: max_export_batch_size must be less than or equal to max_queue_size."


@pytest.mark.parametrize(
    ("variable", "value", "off", "left", "why"),
    [
        ("OTEL_METRIC_EXPORT_INTERVAL", "-1", "metrics", "True False True log spans", "ValueError: interval value"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096", "traces", "True True True log metrics", TOO_LARGE),
        ("OTEL_BSP_SCHEDULE_DELAY", "0", "traces", "True True True log metrics", "ValueError: schedule_delay_millis"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "100", "log records over OTLP", "True True False metrics spans", TOO_LARGE),
    ],
)
def test_a_bad_variable_of_one_signal_leaves_the_others(
    variable: str, value: str, off: str, left: str, why: str
) -> None:
    done = launched_python(SHOW_WORK, **DESTINATION, **SDK, **{variable: value})
    assert done.stdout.splitlines() == [left, "baggage traceparent tracestate", "span"]
    (line,) = (line for line in done.stderr.splitlines() if "at exit" not in line)
    assert line.startswith(f"dbx-otel: {off} are off, everything else goes on: {why}")
    assert line.endswith(f". Remedy: look at {variable}={value!r}")


@pytest.mark.parametrize(
    ("variable", "value", "used"),
    [
        ("OTEL_METRIC_EXPORT_INTERVAL", "-1", "60000"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many", "512"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0", "5000"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "-5", "2048"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "x", "128"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "all traces"),
    ],
)
def test_the_light_pipeline_goes_on_with_a_default_where_a_variable_is_bad(
    variable: str, value: str, used: str
) -> None:
    done = launched_python(SHOW_WORK, **DESTINATION, **{variable: value})
    assert done.stdout.splitlines() == ["True True True telemetry", "baggage traceparent tracestate", "span"]
    (line,) = (line for line in done.stderr.splitlines() if "at exit" not in line)
    assert line.startswith(f"dbx-otel: {variable} is '{value}'")
    assert used in line


@pytest.mark.parametrize(
    ("pipeline", "module", "left"),
    [("sdk", "dbx_otel.distro.sdk.logs", "metrics spans"), ("light", "dbx_otel.distro.light.logs", "telemetry")],
)
def test_a_failure_without_a_variable_to_blame_is_to_be_reported(pipeline: str, module: str, left: str) -> None:
    code = f"""
from importlib import import_module
def fail(*_): raise RuntimeError("no luck")
import_module("{module}").configure = fail
"""
    done = launched_python(code + SHOW_WORK, **DESTINATION, DBX_OTEL_PIPELINE=pipeline)
    assert done.stdout.startswith(f"True True False {left}\n")
    assert "log records over OTLP are off, everything else goes on: RuntimeError: no luck. Remedy: " in done.stderr


@pytest.mark.parametrize("value", ["no-such-one", "tracecontext,no-such-one"])
def test_a_propagator_that_does_not_exist_turns_nothing_off(value: str) -> None:
    environment = "import os; print(os.environ['OTEL_PROPAGATORS'])"
    done = launched_python(SHOW_WORK + environment, OTEL_PROPAGATORS=value, **DESTINATION)
    assert done.stdout.splitlines() == [
        "True True True telemetry",
        "baggage traceparent tracestate",
        "span",
        value,  # the app's environment is the app's
    ]
    (line,) = (line for line in done.stderr.splitlines() if "at exit" not in line)
    assert line.startswith(f"dbx-otel: OTEL_PROPAGATORS is {value!r}, which cannot be used (Propagator no-such-one")
    assert "; used instead: tracecontext,baggage. Remedy: " in line


def test_threads_work_in_the_context_of_who_started_them() -> None:
    code = """
from dbx_otel import distro
distro.start(wait=True)
import threading
from concurrent.futures import ThreadPoolExecutor
from opentelemetry import context
with ThreadPoolExecutor(1) as pool:
    pool.submit(int).result()
    token = context.attach(context.set_value("who", "ada"))
    found = [pool.submit(context.get_value, "who").result()]
    thread = threading.Thread(target=lambda: found.append(context.get_value("who"))); thread.start(); thread.join()
    context.detach(token)
    found.append(pool.submit(context.get_value, "who").result())
print(found)
"""
    assert python(code).stdout == "['ada', 'ada', None]\n"
    assert python(code, DBX_OTEL_DISABLED_INSTRUMENTATIONS="threading").stdout == "[None, None, None]\n"
