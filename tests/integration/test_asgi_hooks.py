# SPDX-License-Identifier: Apache-2.0
"""The hooks of FastAPI and Starlette beside what else makes spans: FastAPI itself, instrumentations of the app's."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support.launched import ROOT

BEGIN = """
import asyncio, importlib, json, sys
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.unit.instrumentation.asgi_for_tests import scope

exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
metrics.set_meter_provider(MeterProvider())

def hook(*names):
    modules = {"starlette": "starlette.applications", "asgi": "opentelemetry.instrumentation.asgi"}
    for name in names:
        module = importlib.import_module(modules.get(name, name))
        importlib.import_module("dbx_otel.instrumentation." + name).instrument(module)

async def receive():
    return {"type": "lifespan.startup"}

async def send(message):
    pass

def make_app(**more):
    import fastapi
    app = fastapi.FastAPI(**more)
    @app.get("/ping")
    async def ping() -> str:
        return "pong"
    return app

def call(app, path="/ping"):
    asyncio.run(app(scope(path), receive, send))
"""
END = """
spans = [(span.name, span.kind.name, span.instrumentation_scope.name) for span in exporter.get_finished_spans()]
print(json.dumps({"spans": spans, "exports": "opentelemetry.exporter.otlp.proto.http.trace_exporter" in sys.modules}))
"""
OURS = ["GET /ping", "SERVER", "dbx_otel.instrumentation.fastapi"]


def run(script: str, **environment: str) -> dict[str, Any]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DBX_OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + script + END],
        cwd=ROOT,
        env={**kept, "OTEL_SEMCONV_STABILITY_OPT_IN": "http", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_without_a_hook_fastapi_makes_spans_of_its_own() -> None:
    scopes = {scope for _, _, scope in run("call(make_app())")["spans"]}
    assert scopes == {"fastapi"}


@pytest.mark.parametrize(
    "script",
    [
        "call(make_app())",
        "call(make_app(telemetry={'tracer_provider': provider}))",
        "app = make_app(); app.mount('/sub', make_app()); call(app); exporter.clear(); call(make_app())",
    ],
)
def test_with_ours_it_makes_none(script: str) -> None:
    assert run(f"hook('starlette', 'fastapi'); {script}")["spans"] == [OURS]


MOUNTED = """
from starlette.applications import Starlette
from starlette.routing import Mount
call(Starlette(routes=[Mount('/sub', make_app())]), '/sub/ping')
"""


def test_inside_of_a_starlette_app_there_is_one_span() -> None:
    expected = [["GET /sub/ping", "SERVER", "dbx_otel.instrumentation.starlette"]]
    assert run(f"hook('starlette', 'fastapi')\n{MOUNTED}")["spans"] == expected


def test_fastapi_that_is_switched_off_is_not_instrumented_as_starlette() -> None:
    spans = run("hook('starlette'); call(make_app(telemetry={'tracing': False}))")["spans"]
    assert spans == []


@pytest.mark.parametrize(("hooked", "exports"), [("", True), ("hook('starlette', 'fastapi')", False)])
def test_fastapi_does_not_send_everything_again(hooked: str, exports: bool) -> None:
    script = f"""
{hooked}
app = make_app(lifespan=None)
async def start():
    messages = iter([{{"type": "lifespan.startup"}}, {{"type": "lifespan.shutdown"}}])
    async def receive():
        return next(messages)
    await app({{"type": "lifespan", "asgi": {{}}, "state": {{}}}}, receive, send)
asyncio.run(start())
"""
    found = run(script, FASTAPI_OTEL_AUTO_CONFIGURE="true", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert found["exports"] is exports


@pytest.mark.parametrize(
    "instrumented",
    [
        "app = make_app(); FastAPIInstrumentor.instrument_app(app)",
        "FastAPIInstrumentor().instrument(); app = make_app()",
    ],
)
def test_an_app_that_instruments_itself_gets_one_span(instrumented: str) -> None:
    begin = "hook('starlette', 'fastapi'); from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor"
    assert run(f"{begin}; {instrumented}; call(app)")["spans"] == [OURS]


def test_an_app_inside_of_contribs_middleware_gets_the_middlewares_span() -> None:
    script = """
hook('asgi', 'starlette', 'fastapi')
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
call(OpenTelemetryMiddleware(make_app()))
"""
    assert run(script)["spans"] == [["GET /ping", "SERVER", "opentelemetry.instrumentation.asgi"]]


def test_nothing_of_contrib_is_loaded() -> None:
    script = (
        "hook('starlette', 'fastapi'); call(make_app()); loaded = [m for m in sys.modules if 'opentelemetry.inst' in m]"
    )
    assert run(f"{script}\nassert loaded == [], loaded")["spans"] == [OURS]
