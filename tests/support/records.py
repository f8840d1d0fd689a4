# SPDX-License-Identifier: Apache-2.0
"""Spans, log records and metrics to be delivered."""

import time
import uuid
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from dbx_otel.otlp.model import LogRecord, Resource, Scope

RESOURCE = Resource({"service.name": "orders"})
SCOPE = Scope("test")

_tracer = TracerProvider(shutdown_on_exit=False).get_tracer("test")


def span(name: str = "GET /", **attributes: Any) -> ReadableSpan:
    made = _tracer.start_span(name, attributes={key.replace("_", "."): value for key, value in attributes.items()})
    made.end()
    assert isinstance(made, ReadableSpan)
    return made


def important_span(name: str = "GET /") -> ReadableSpan:
    return span(name, security_event_names=("security.authz.fail",))


def server_span(number: int) -> ReadableSpan:
    """A span as a request of a person makes it."""
    return span(
        "GET /orders/{id}",
        http_request_method="GET",
        http_route="/orders/{id}",
        http_response_status_code=200,
        url_path=f"/orders/{number}",
        url_scheme="https",
        server_address="orders-1234567890.aws.databricksapps.com",
        client_address=f"10.0.{number % 7}.{number % 251}",
        network_protocol_version="1.1",
        user_agent_original="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
        user_id=f"{number % 40}@1234567890",
        user_email=f"person{number % 40}@example.com",
        databricks_identity_source="proxy_header",
        databricks_request_id=str(uuid.uuid4()),
    )


def log(body: str = "hello", event_name: str | None = None) -> LogRecord:
    now = time.time_ns()
    return LogRecord(
        timestamp=now,
        observed_timestamp=now,
        body=body,
        attributes={"n": 1},
        instrumentation_scope=SCOPE,
        resource=RESOURCE,
        severity_number=9,
        severity_text="INFO",
        event_name=event_name,
    )


def security_log(body: str = "denied") -> LogRecord:
    return log(body, "security.authz.fail")


def metrics(value: int = 1) -> MetricsData:
    """A counter with one point."""
    reader = InMemoryMetricReader()
    MeterProvider([reader], shutdown_on_exit=False).get_meter("test").create_counter("requests").add(value, {"a": "b"})
    data = reader.get_metrics_data()
    assert data is not None
    return data
