# SPDX-License-Identifier: Apache-2.0
"""Two OTLP destinations over real HTTP and gRPC: what is the first's never reaches the second; no secret is shown."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from dbx_otel.delivery.deferred import DeferredSpanExporter
from dbx_otel.distro import otlp
from dbx_otel.distro.destinations import SIGNALS, destinations
from dbx_otel.settings import Protocol, Settings

FIRST = {
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20canary-first,x-first=canary-first",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-first-traces=canary-first,x-api-key=canary-first",
    "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "x-first-metrics=canary-first",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "x-first-logs=canary-first",
}
SECOND_HEADERS = "X-Api-Key=canary%20second, x-tenant = a=b ,"


class Capture:
    """Takes OTLP over HTTP and over gRPC on 127.0.0.1, and remembers the headers of each request."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str]]] = []
        capture = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                capture.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        self.grpc = grpc.server(ThreadPoolExecutor(2))
        self.grpc.add_generic_rpc_handlers([Services(self)])
        self.grpc_port = self.grpc.add_insecure_port("127.0.0.1:0")
        self.grpc.start()

    def endpoint(self, protocol: Protocol) -> str:
        return f"http://127.0.0.1:{self.grpc_port if protocol is Protocol.GRPC else self.http.server_port}"

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.grpc.stop(0)


class Services(grpc.GenericRpcHandler):
    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def service(self, details: Any) -> Any:
        metadata = {str(key): str(value) for key, value in details.invocation_metadata}
        self._capture.requests.append((details.method, metadata))
        return grpc.unary_unary_rpc_method_handler(lambda *_: b"")


@pytest.fixture
def capture() -> Iterator[Capture]:
    made = Capture()
    yield made
    made.close()


@pytest.fixture
def first(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, value in FIRST.items():
        monkeypatch.setenv(name, value)
    return FIRST


@pytest.fixture
def said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[[], str]:
    """Return what gives all that was said: standard output and error, and log records of every level."""
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    caplog.set_level(logging.DEBUG)
    return lambda: "".join((*capfd.readouterr(), caplog.text))


def span() -> ReadableSpan:
    made = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("s")
    made.end()
    assert isinstance(made, ReadableSpan)
    return made


def batch(signal: str) -> Any:
    if signal == "traces":
        return [span()]
    if signal == "logs":
        return []
    reader = InMemoryMetricReader()
    MeterProvider(metric_readers=[reader], shutdown_on_exit=False).get_meter("m").create_counter("c").add(1)
    return reader.get_metrics_data()


def second(capture: Capture, protocol: Protocol, **more: Any) -> Settings:
    values = {"otlp_headers": SECOND_HEADERS, **more}
    return Settings(otlp_endpoint=capture.endpoint(protocol), otlp_protocol=protocol, **values)


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("signal", SIGNALS)
def test_headers_of_the_first_never_reach_the_second(
    signal: str, protocol: Protocol, capture: Capture, first: dict[str, str]
) -> None:
    _, make = otlp.second_destination(signal, second(capture, protocol))
    exporter = make()
    exporter.export(batch(signal))
    exporter.shutdown()
    ((path, headers),) = capture.requests
    if protocol is Protocol.HTTP:
        assert path == f"/v1/{signal}"
        assert headers["content-type"] == "application/x-protobuf"
    assert headers["x-api-key"] == "canary second"
    assert headers["x-tenant"] == "a=b"
    assert headers["x-telemetry-distro"].startswith("dbx-otel/")
    assert "canary-first" not in str(headers)
    assert "authorization" not in headers


@pytest.mark.parametrize("protocol", Protocol)
def test_the_first_has_its_own(
    protocol: Protocol, capture: Capture, first: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The counterpart of the test above: those headers are sent where they belong.
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", capture.endpoint(protocol))
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS")
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": capture.endpoint(protocol), "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    found, _ = destinations(Settings(otlp_endpoint="http://127.0.0.1:9", otlp_headers=SECOND_HEADERS), environ)
    exporter: Any = found.traces[0][1]()
    exporter.export(batch("traces"))
    exporter.shutdown()
    ((_, headers),) = capture.requests
    assert headers["authorization"] == "Bearer canary-first"
    assert "x-tenant" not in headers


@pytest.mark.parametrize("protocol", Protocol)
def test_without_headers_of_its_own_the_second_gets_none(
    protocol: Protocol, capture: Capture, first: dict[str, str]
) -> None:
    _, make = otlp.second_destination("traces", second(capture, protocol, otlp_headers=None))
    exporter = make()
    assert exporter.export(batch("traces")) is SpanExportResult.SUCCESS
    exporter.shutdown()
    ((_, headers),) = capture.requests
    assert set(headers).isdisjoint({"authorization", "x-first", "x-first-traces", "x-api-key"})


def test_credentials_of_the_first_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # With this variable the exporter looks for a provider of credentials, which are the first destination's.
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_GRPC_CREDENTIAL_PROVIDER", "no-such-provider")
    monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER", "no-such-provider")
    for protocol in Protocol:
        settings = Settings(otlp_endpoint="https://127.0.0.1:9", otlp_protocol=protocol)
        for signal in SIGNALS:
            otlp.second_destination(signal, settings)[1]().shutdown()
            with pytest.raises(RuntimeError, match="no-such-provider"):
                otlp.exporter_class(signal, protocol)(endpoint="https://127.0.0.1:9")


def test_headers_from_a_file(capture: Capture, tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("x-api-key=canary-in-file\n")
    settings = second(capture, Protocol.HTTP, otlp_headers=None, otlp_headers_file=file)
    exporter = otlp.second_destination("traces", settings)[1]()
    exporter.export(batch("traces"))
    exporter.shutdown()
    assert capture.requests[0][1]["x-api-key"] == "canary-in-file"


BAD_HEADERS = [
    "canary",
    "x-api-key:canary",
    "=canary",
    "a b=canary",
    "x=1,canary",
    "x-api-key=canary%0Ainjected: yes",
    "x-api-key=canary\x00",
    "x-api-key=canary-ž",
    "x-api-key=canary%C5%BE",
    "x-api-key=canary\nx-other=canary",
    "x\r\ny=canary",
]


@pytest.mark.parametrize("headers", BAD_HEADERS)
@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("from_file", [False, True])
def test_headers_that_are_none_switch_it_off_and_are_not_shown(
    headers: str,
    protocol: Protocol,
    from_file: bool,
    capture: Capture,
    tmp_path: Path,
    said: Callable[[], str],
) -> None:
    given: dict[str, Any] = {"otlp_headers": headers}
    if from_file:
        file = tmp_path / "headers"
        file.write_bytes(headers.encode())
        given = {"otlp_headers": None, "otlp_headers_file": file}
    _, make = otlp.second_destination("traces", second(capture, protocol, **given))
    exporter = DeferredSpanExporter(make, "sending spans")
    assert exporter.export([span()]) is SpanExportResult.FAILURE
    exporter.shutdown()
    assert capture.requests == []
    text = said()
    variable = "DBX_OTEL_OTLP_HEADERS_FILE" if from_file else "DBX_OTEL_OTLP_HEADERS"
    assert "dbx-otel: sending spans is off: ValueError: entry " in text
    assert f" of {variable} (not shown) is not key=value" in text
    assert "canary" not in text


@pytest.mark.parametrize(
    ("content", "error"), [(None, "FileNotFoundError"), (b"x-api-key=canary\xff", "UnicodeDecodeError")]
)
def test_a_file_that_cannot_be_read_switches_it_off(
    content: bytes | None, error: str, capture: Capture, tmp_path: Path, said: Callable[[], str]
) -> None:
    file = tmp_path / "headers"
    if content is not None:
        file.write_bytes(content)
    settings = second(capture, Protocol.HTTP, otlp_headers=None, otlp_headers_file=file)
    exporter = DeferredSpanExporter(otlp.second_destination("traces", settings)[1], "sending spans")
    assert exporter.export([span()]) is SpanExportResult.FAILURE
    text = said()
    assert f"sending spans is off: {error}" in text
    assert "canary" not in text


def test_the_certificate_authority_of_this_machine_holds_for_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert otlp._certificate("traces") is None
    general, special = tmp_path / "general.pem", tmp_path / "special.pem"
    general.write_bytes(b"general")
    special.write_bytes(b"special")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(general))
    assert otlp._certificate("traces") == b"general"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", str(special))
    assert otlp._certificate("traces") == b"special"
    assert otlp._certificate("logs") == b"general"


@pytest.mark.parametrize(
    ("environ", "traces", "logs"),
    [
        ({}, False, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "x"}, True, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "x"}, True, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False, False),
    ],
)
def test_has_endpoint(environ: dict[str, str], traces: bool, logs: bool) -> None:
    assert (otlp.has_endpoint("traces", environ), otlp.has_endpoint("logs", environ)) == (traces, logs)
