# SPDX-License-Identifier: Apache-2.0
"""An app that sets up OpenTelemetry itself: its spans arrive, and it is told what becomes of its providers."""

import subprocess
import sys

from dbx_otel.local.receiver import Receiver
from tests.support.launched import LAUNCHER, app_environment

APP = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
metrics.set_meter_provider(MeterProvider())
with trace.get_tracer("app").start_as_current_span("mine"):
    metrics.get_meter("app").create_counter("mine").add(1)
"""


def run(environment: dict[str, str]) -> str:
    done = subprocess.run(
        [LAUNCHER, sys.executable, "-c", APP], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert "Overriding" not in done.stderr + done.stdout
    return done.stderr


def test_what_the_app_records_arrives_and_one_line_a_provider_says_why() -> None:
    with Receiver() as receiver:
        said = run({**app_environment(), **receiver.environment("http/protobuf")})
        receiver.store.wait_quiet()
    assert [span.name for span in receiver.store.spans()] == ["mine"]
    assert [point.name for point in receiver.store.metrics() if point.scope.name == "app"] == ["mine"]
    assert said.count("the app sets a tracer provider of its own (opentelemetry.sdk.trace.TracerProvider)") == 1
    assert said.count("the app sets a meter provider of its own") == 1


def test_with_the_sdk_disabled_the_apps_own_are_used() -> None:
    assert run(app_environment(OTEL_SDK_DISABLED="true")) == ""
