# SPDX-License-Identifier: Apache-2.0
"""The hooks' HTTP metrics are those of OpenTelemetry's instrumentations: name, unit, description, buckets."""

import json
import subprocess
import sys
from typing import Any

from dbx_otel.metrics import http, instruments
from dbx_otel.otlp.model import Scope

THEIRS = """
import json
import os
import flask
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as Asgi
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as Wsgi
from opentelemetry.sdk.metrics import MeterProvider

provider = MeterProvider(shutdown_on_exit=False)
FlaskInstrumentor().instrument_app(flask.Flask("app"), meter_provider=provider)
Asgi(lambda *_: None, meter_provider=provider)
Wsgi(lambda *_: None, meter_provider=provider)
RequestsInstrumentor().instrument(meter_provider=provider)
HTTPXClientInstrumentor().instrument(meter_provider=provider)
print(json.dumps({
    scope.name.rpartition(".")[2]: sorted(
        [
            type(one).__name__.strip("_"), one.name, one.unit, one.description,
            list(one._advisory.explicit_bucket_boundaries or []) if hasattr(one, "_advisory") else None,
        ]
        for one in meter._instrument_id_instrument.values()
    )
    for scope, meter in provider._meters.items()
}))
"""


def ours(*made: Any) -> list[list[Any]]:
    def boundaries(one: Any) -> list[float] | None:
        if not hasattr(one, "boundaries"):
            return None
        return [] if one.boundaries == instruments.DEFAULT_BOUNDARIES else list(one.boundaries)

    return sorted([type(one).__name__, one.name, one.unit, one.description, boundaries(one)] for one in made)


def test_they_are_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", THEIRS],
        env={"OTEL_SEMCONV_STABILITY_OPT_IN": "http,database"},
        capture_output=True,
        text=True,
        check=True,
    )
    scope = Scope("http")
    duration, active = http.server_request_duration(scope), http.server_active_requests(scope)
    sizes = http.server_request_body_size(scope), http.server_response_body_size(scope)
    client = http.client_request_duration(scope)
    assert json.loads(done.stdout) == {
        "asgi": ours(duration, active, *sizes),
        "flask": ours(duration, active),
        "wsgi": ours(duration, active),
        "requests": ours(client),
        "httpx": ours(client),
    }
