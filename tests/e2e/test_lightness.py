# SPDX-License-Identifier: Apache-2.0
"""What an app under the light pipeline does not load, whatever it serves and sends."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from dbx_otel.local.receiver import Receiver
from tests.support.launched import LAUNCHER, app_environment, launched

pytestmark = pytest.mark.light

HEAVY = "('opentelemetry.sdk', 'opentelemetry.exporter', 'opentelemetry.instrumentation.', 'google.protobuf', 'wrapt')"
NOWHERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "DBX_OTEL_EXIT_DEADLINE": "0"}
SHOW = f"print(*sorted(name for name in sys.modules if name.startswith({HEAVY})), flush=True)"
SERVE = f"""
import sys, fastapi, uvicorn
app = fastapi.FastAPI()
@app.get("/")
async def served():
    return sorted(name for name in sys.modules if name.startswith({HEAVY} + ('requests', 'grpc')))
"""


def shown(program: str, environment: Mapping[str, str], launcher: Sequence[str] = (LAUNCHER,)) -> str:
    command = [*launcher, sys.executable, "-c", program]
    everything = {**app_environment(), **environment}
    return subprocess.run(command, env=everything, text=True, capture_output=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_an_app_that_serves_and_sends_loads_no_sdk(tmp_path: Path, receiver: Receiver, protocol: str) -> None:
    (tmp_path / "serving_app.py").write_text(SERVE)
    environment = {
        **receiver.environment(protocol),
        "PYTHONPATH": str(tmp_path),
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_BLRP_SCHEDULE_DELAY": "100",
        "OTEL_METRIC_EXPORT_INTERVAL": "300",
    }
    command = ["uvicorn", "serving_app:app", "--port", "{port}"]
    with launched(command, tmp_path, environment) as app:
        app.wait_ready()
        app.get("/")
        assert receiver.store.wait_for(lambda store: store.spans() and store.logs() and store.metrics())
        loaded = app.get("/", "ada").json()
    assert [name for name in loaded if not name.startswith("grpc")] == []
    assert bool(loaded) == (protocol == "grpc")


def test_importing_what_apps_import_loads_nothing_but_what_they_load_themselves() -> None:
    program = f"import sys, fastapi, databricks.sdk, flask, httpx, requests; {SHOW}"
    assert shown(program, NOWHERE) == shown(program, {}, launcher=())


def test_log_records_and_spans_of_the_app_load_no_sdk(receiver: Receiver) -> None:
    program = f"""
import logging, sys
from opentelemetry import trace
with trace.get_tracer("app").start_as_current_span("work"):
    logging.getLogger("app").warning("here")
{SHOW.replace("print(*", "print('loaded:', *")}
"""
    told = shown(program, {**receiver.environment("http/protobuf"), "DBX_OTEL_STDOUT": "off"})
    assert told == "loaded:\n"
    assert [span.name for span in receiver.store.spans()] == ["work"]
    assert [record.body for record in receiver.store.logs()] == ["here"]


def test_the_sdk_is_there_for_who_asks_for_it(receiver: Receiver) -> None:
    program = """
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
class Told(SpanExporter):
    def export(self, spans):
        print(*(span.name for span in spans if isinstance(span, ReadableSpan)), flush=True)
provider = trace.get_tracer_provider()
print(isinstance(provider, TracerProvider))
provider.add_span_processor(SimpleSpanProcessor(Told()))
with trace.get_tracer("app").start_as_current_span("work"):
    pass
"""
    assert shown(program, receiver.environment("http/protobuf")) == "True\nwork\n"
    assert [span.name for span in receiver.store.spans()] == ["work"]
