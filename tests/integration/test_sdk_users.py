# SPDX-License-Identifier: Apache-2.0
"""An app, or a library in it, that expects OpenTelemetry's SDK behind the API finds it, whichever pipeline runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dbx_otel.local.receiver import Receiver
from tests.support.launched import LAUNCHER, app_environment

APP = """
import sys
from opentelemetry import trace

tracer = trace.get_tracer("app")
before = tracer.start_span("under way")
light = "opentelemetry.sdk.trace" not in sys.modules

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

provider = trace.get_tracer_provider()
assert isinstance(provider, TracerProvider), provider
with tracer.start_as_current_span("read") as span:
    assert isinstance(span, ReadableSpan), span
    assert '"name": "read"' in span.to_json()

class Marks(SpanProcessor):
    def on_start(self, span, parent_context=None):
        span.set_attribute("mark", 1)

class Write(SpanExporter):
    def export(self, spans):
        with open(sys.argv[1], "a") as file:
            file.writelines(span.to_json(indent=None) + "\\n" for span in spans)
        return SpanExportResult.SUCCESS

provider.add_span_processor(Marks())
provider.add_span_processor(BatchSpanProcessor(Write()))
before.end()
with tracer.start_as_current_span("outer"):
    with tracer.start_as_current_span("inner"):
        pass
print("light" if light else "sdk")
"""


@pytest.mark.parametrize("pipeline", ["light", "sdk"])
def test_processors_of_the_app_get_spans_and_so_do_we(pipeline: str, tmp_path: Path) -> None:
    file = tmp_path / "spans"
    with Receiver() as receiver:
        environment = {**app_environment(DBX_OTEL_PIPELINE=pipeline), **receiver.environment("http/protobuf")}
        done = subprocess.run(
            [LAUNCHER, sys.executable, "-c", APP, str(file)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{pipeline}\n", "")
        receiver.store.wait_quiet()
    ours = {span.name: span.attributes.get("mark") for span in receiver.store.spans()}
    assert ours == {"under way": None, "read": None, "outer": 1, "inner": 1}
    theirs = [json.loads(line)["name"] for line in file.read_text().splitlines()]
    assert theirs == ["under way", "inner", "outer"]
