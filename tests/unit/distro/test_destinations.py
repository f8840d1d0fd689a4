# SPDX-License-Identifier: Apache-2.0
"""Where telemetry goes, for every combination of variables."""

from collections.abc import Sequence
from importlib import metadata
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.trace.export import ConsoleSpanExporter

from dbx_otel.distro.destinations import SIGNALS, Destinations, destinations, is_switched_off
from dbx_otel.settings import Protocol, Settings

PLATFORM = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
SECOND = Settings(otlp_endpoint="https://user:canary@apm.example/otlp?k=canary")


def names(found: Destinations) -> dict[str, list[str]]:
    return {signal: [name for name, _ in getattr(found, signal)] for signal in SIGNALS}


def everywhere(*destination: str) -> dict[str, list[str]]:
    return {signal: list(destination) for signal in SIGNALS}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, everywhere()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, everywhere()),
        (PLATFORM, everywhere("http://collector:4317")),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/v1/traces"},
            {"traces": ["http://t/v1/traces"], "metrics": [], "logs": []},
        ),
        (
            {**PLATFORM, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://l"},
            {**everywhere("http://collector:4317"), "logs": ["http://l"]},
        ),
        ({**PLATFORM, "OTEL_METRICS_EXPORTER": "none"}, {**everywhere("http://collector:4317"), "metrics": []}),
        ({**PLATFORM, "OTEL_METRICS_EXPORTER": ""}, everywhere("http://collector:4317")),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, {**everywhere(), "traces": ["the default endpoint"]}),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": ""},
            {**everywhere(), "traces": ["the default endpoint"]},
        ),
        (
            {**PLATFORM, "OTEL_TRACES_EXPORTER": " otlp , console, none"},
            {
                **everywhere("http://collector:4317"),
                "traces": ["http://collector:4317", "exporter 'console' (OTEL_TRACES_EXPORTER)"],
            },
        ),
        (
            {**PLATFORM, "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"},
            everywhere(),
        ),
    ],
)
def test_where_telemetry_goes(environ: dict[str, str], expected: dict[str, list[str]]) -> None:
    found, notes = destinations(Settings(), environ)
    assert names(found) == expected
    assert notes == []
    # The second destination comes on top, whatever the first is, and without what is secret.
    found, _ = destinations(SECOND, environ)
    assert names(found) == {signal: [*expected[signal], "https://apm.example/otlp"] for signal in SIGNALS}


@pytest.mark.parametrize(
    ("value", "off"), [(None, False), ("", False), ("false", False), ("1", False), ("true", True), (" TRUE ", True)]
)
def test_opentelemetrys_own_switch(value: str | None, off: bool) -> None:
    assert is_switched_off({} if value is None else {"OTEL_SDK_DISABLED": value}) is off


def test_a_configuration_file_is_noted() -> None:
    (note,) = destinations(Settings(), {**PLATFORM, "OTEL_CONFIG_FILE": " /a.yaml "})[1]
    assert note.startswith("OTEL_CONFIG_FILE is '/a.yaml', which dbx-otel does not follow")
    assert destinations(Settings(), {**PLATFORM, "OTEL_CONFIG_FILE": " "})[1] == []


def test_credentials_are_not_shown() -> None:
    found, _ = destinations(SECOND, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://canary:canary@host:1?canary"})
    assert "canary" not in str(names(found))


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({}, HttpSpanExporter),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, GrpcSpanExporter),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": " GRPC "}, GrpcSpanExporter),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, HttpSpanExporter),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"},
            HttpSpanExporter,
        ),
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, GrpcSpanExporter),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": " "}, GrpcSpanExporter),
        ({"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"}, HttpSpanExporter),
    ],
)
def test_protocol_of_the_first(environ: dict[str, str], kind: Any) -> None:
    found, notes = destinations(Settings(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", **environ})
    exporter: Any = found.traces[0][1]()
    assert type(exporter) is kind
    assert notes == []
    exporter.shutdown()


def test_a_protocol_that_is_none_is_noted_and_http_used() -> None:
    found, notes = destinations(Settings(), {**PLATFORM, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"})
    text = "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json'; allowed: http/protobuf · grpc; used instead: http/protobuf"
    assert set(notes) == {text}
    kinds: tuple[Any, ...] = (HttpSpanExporter, HttpMetricExporter, HttpLogExporter)
    for signal, kind in zip(SIGNALS, kinds, strict=True):
        exporter: Any = getattr(found, signal)[0][1]()
        assert type(exporter) is kind
        exporter.shutdown()


@pytest.mark.parametrize("protocol", Protocol)
@pytest.mark.parametrize("signal", SIGNALS)
def test_every_exporter_of_the_second_can_be_made(signal: str, protocol: Protocol) -> None:
    found, _ = destinations(Settings(otlp_endpoint="http://127.0.0.1:9", otlp_protocol=protocol), PLATFORM)
    exporter: Any = getattr(found, signal)[1][1]()
    assert f".{'grpc' if protocol is Protocol.GRPC else 'http'}." in type(exporter).__module__
    exporter.shutdown()


def test_exporters_by_entry_point() -> None:
    found, _ = destinations(Settings(), {"OTEL_TRACES_EXPORTER": "console"})
    assert type(found.traces[0][1]()) is ConsoleSpanExporter


def test_an_exporter_that_is_not_installed_names_those_that_are() -> None:
    found, notes = destinations(Settings(), {"OTEL_TRACES_EXPORTER": "zipkin"})
    assert notes == []
    with pytest.raises(LookupError, match="no installed package offers it; installed are: console, otlp"):
        found.traces[0][1]()


def test_what_is_fetched_from_the_app_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reader(MetricReader):
        """As that of OpenTelemetry's Prometheus exporter, which begins to listen when it is made."""

        def __init__(self) -> None:
            raise AssertionError("made")

        def _receive_metrics(self, *_: Any, **__: Any) -> None: ...

        def shutdown(self, *_: Any, **__: Any) -> None: ...

    class Entry:
        def load(self) -> Any:
            return Reader

    def entry_points(**_: str) -> Sequence[Entry]:
        return [Entry()]

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    found, _ = destinations(Settings(), {"OTEL_METRICS_EXPORTER": "prometheus"})
    with pytest.raises(TypeError, match=r"^prometheus is a metric reader, which dbx-otel does not support; use otlp$"):
        found.metrics[0][1]()
