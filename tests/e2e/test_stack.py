# SPDX-License-Identifier: Apache-2.0
"""The whole: an unchanged app, the real collector, and who did it in Jaeger, Loki and Prometheus."""

import json
import signal
from typing import Any

import pytest

from scripts.stack_lib.stack import Stack
from tests.support.launched import APPS, Launched, launched, proxy_headers
from tests.support.stack import eventually, jaeger_trace, loki_query, prometheus_query

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]
COMMAND = ["uvicorn", f"{APPS}.fastapi_app:app", "--port", "{port}"]


@pytest.fixture(scope="module", params=["grpc", "http/protobuf"])
def trace_id(request: pytest.FixtureRequest, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An app has served one request of Ada's and has ended; the id of the trace, as its log line on stdout has it."""
    endpoint = stack.endpoints.otlp_grpc if request.param == "grpc" else stack.endpoints.otlp_http
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": request.param,
        "OTEL_RESOURCE_ATTRIBUTES": "workspace.id=1234567890,app.name=orders",
    }
    with launched(COMMAND, tmp_path_factory.mktemp("app"), environment) as app:
        app.wait_ready()
        assert app.get("/async/order-17", "ada").ok
        assert app.get("/nowhere", "bob").status_code == 404
        app.stop(signal.SIGTERM)
        trace_id: str = log_line(app, "handler order-17")["trace_id"]
        return trace_id


def log_line(app: Launched, body: str) -> dict[str, Any]:

    lines: list[dict[str, Any]] = [json.loads(line) for line in app.output().splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line["body"] == body]
    return line


def test_jaeger_shows_who_did_it(stack: Stack, trace_id: str) -> None:
    spans = eventually(lambda: jaeger_trace(stack, trace_id))
    (server,) = [span for span in spans if tags(span).get("span.kind") == "server"]
    headers = proxy_headers("ada")
    assert tags(server)["user.email"] == "ada@example.com"
    assert tags(server)["client.address"] == headers["X-Real-Ip"]
    assert tags(server)["user.id"] == headers["X-Forwarded-User"]
    assert tags(server)["databricks.request.id"] == headers["X-Request-Id"]
    assert all(tags(span)["user.email"] == "ada@example.com" for span in spans)
    assert process(stack, trace_id)["databricks.app.name"] == "orders"
    assert process(stack, trace_id)["databricks.workspace.id"] == "1234567890"


def test_loki_has_the_log_records_of_the_trace(stack: Stack, trace_id: str) -> None:
    query = f'{{service_name="orders"}} | trace_id="{trace_id}"'
    streams: list[Any] = eventually(lambda: loki_query(stack, query))
    lines = {line for stream in streams for _, line, *_ in stream["values"]}
    assert {"handler order-17", "pool order-17", "task order-17", "to_thread order-17"} <= lines
    assert {stream["stream"]["user_email"] for stream in streams} == {"ada@example.com"}
    assert {stream["stream"]["databricks_app_name"] for stream in streams} == {"orders"}


def test_prometheus_counts_the_requests_by_outcome(stack: Stack, trace_id: str) -> None:
    query = 'http_server_request_duration_seconds_count{service_name="orders"}'
    series: list[Any] = eventually(lambda: prometheus_query(stack, query))
    statuses = {one["metric"]["http_response_status_code"] for one in series}
    assert statuses == {"200", "404"}
    assert {one["metric"]["databricks_app_name"] for one in series} == {"orders"}
    assert "example.com" not in repr(series)


def tags(span: dict[str, Any]) -> dict[str, Any]:
    return {tag["key"]: tag["value"] for tag in span["tags"]}


def process(stack: Stack, trace_id: str) -> dict[str, Any]:
    import requests

    data = requests.get(f"{stack.endpoints.jaeger}/api/traces/{trace_id}", timeout=10).json()["data"][0]
    (one,) = data["processes"].values()
    return tags(one)
