# SPDX-License-Identifier: Apache-2.0
"""Servers whose command is made with click: OpenTelemetry's instrumentation of click would make one endless trace."""

import time
from pathlib import Path

import pytest

from dbx_otel.local.receiver import Receiver
from tests.support.launched import APPS, launched

COMMANDS = {
    "python -m uvicorn": ["python", "-m", "uvicorn", f"{APPS}.fastapi_app:app", "--port", "{port}"],
    "uvicorn": ["uvicorn", f"{APPS}.fastapi_app:app", "--port", "{port}"],
    "flask run": ["flask", "--app", f"{APPS}.flask_app", "run", "--port", "{port}"],
    "python -m flask run": ["python", "-m", "flask", "--app", f"{APPS}.flask_app", "run", "--port", "{port}"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_each_request_begins_a_trace(
    command: list[str], receiver: Receiver, otlp: dict[str, str], tmp_path: Path
) -> None:
    with launched(command, tmp_path, otlp) as app:
        app.wait_ready()
        for tag in ("a", "b", "c"):
            assert app.get(f"/async/{tag}", "ada").ok
        time.sleep(0.5)  # a server's span ends a moment after its response has been sent
        app.stop()
    receiver.store.wait_quiet()
    spans = receiver.store.spans()
    servers = [span for span in spans if span.kind == "server"]
    assert len(servers) == len({span.trace_id for span in servers}) == 3
    assert not any(span.parent_span_id for span in servers)
    assert {span.trace_id for span in spans} == {span.trace_id for span in servers}
