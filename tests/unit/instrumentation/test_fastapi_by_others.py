# SPDX-License-Identifier: Apache-2.0
"""FastAPI's applications are Starlette's too: a hook of Starlette does not keep others from instrumenting them."""

import subprocess
import sys

import pytest

CODE = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
from dbx_otel.instrumentation import attach
attach.watch()
import fastapi
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
app = fastapi.FastAPI()
FastAPIInstrumentor.instrument_app(app)
app.add_api_route("/", lambda: None)
layers, stack = set(), app.build_middleware_stack()
while stack is not None:
    layers.add(type(stack).__name__)
    stack = getattr(stack, "app", None)
print("OpenTelemetryMiddleware" in layers)
"""


@pytest.mark.parametrize(
    ("environment", "by_contrib"),
    [
        ({}, False),
        ({"DBX_OTEL_CONTRIB_INSTRUMENTATIONS": "fastapi"}, True),
        ({"DBX_OTEL_CONTRIB_INSTRUMENTATIONS": "*"}, True),
        ({"DBX_OTEL_CONTRIB_INSTRUMENTATIONS": "starlette"}, False),
        ({"DBX_OTEL_DISABLED_INSTRUMENTATIONS": "fastapi"}, True),
    ],
)
def test_contrib_instruments_where_no_hook_of_ours_does(environment: dict[str, str], by_contrib: bool) -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{by_contrib}\n"
