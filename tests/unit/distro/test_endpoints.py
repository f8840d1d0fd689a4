# SPDX-License-Identifier: Apache-2.0
"""The light pipeline sends where OpenTelemetry's exporters would, with the same headers and times."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.http.transport._requests import RequestsHTTPTransport

from dbx_otel.delivery.batch import Signal
from dbx_otel.delivery.transport import Destination, Endpoint
from dbx_otel.distro import otlp
from dbx_otel.distro.endpoints import otlp_destinations
from dbx_otel.settings import Protocol, Settings

SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")
HTTP = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
GRPC = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}


def find(environ: dict[str, str], settings: Settings | None = None) -> tuple[list[Destination], list[str]]:
    return otlp_destinations(settings or Settings(), environ)


def one(environ: dict[str, str], signal: Signal = "traces") -> Endpoint:
    """The endpoint of a signal, where there is nothing to be said."""
    destinations, notes = find(environ)
    assert notes == []
    (found,) = (destination.endpoints[signal] for destination in destinations if signal in destination.endpoints)
    return found


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes an exporter of OpenTelemetry's in an environment of nothing but some variables."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    made: list[Any] = []

    def make(environ: dict[str, str], signal: Signal, protocol: Protocol) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            made.append(otlp.exporter_class(signal, protocol)())
        return made[-1]

    yield make
    for exporter in made:
        exporter.shutdown()


HTTP_CASES: list[dict[str, str]] = [
    HTTP,
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector/base//"},
    {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:pw@collector/base?x=y"},
    {**HTTP, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1/", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://l:1/x/y"},
    {**HTTP, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ""},
    {**HTTP, "OTEL_EXPORTER_OTLP_HEADERS": "a=b%20c,D=e", "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "f=Bearer g%20h"},
    {**HTTP, "OTEL_EXPORTER_OTLP_HEADERS": "a=b", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": ""},
    {**HTTP, "OTEL_EXPORTER_OTLP_HEADERS": "user-agent=mine"},
    {**HTTP, "OTEL_EXPORTER_OTLP_TIMEOUT": "3", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "0.5"},
    {**HTTP, "OTEL_EXPORTER_OTLP_TIMEOUT": ""},
    {**HTTP, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
    {**HTTP, "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem", "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE": "/logs.pem"},
    {**HTTP, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/c.pem", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/k.pem"},
    {**HTTP, "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": "/c.pem", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/k.pem"},
    {**HTTP, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/both.pem"},
    {**HTTP, "OTEL_EXPORTER_OTLP_COMPRESSION": "none"},
    {**HTTP, "OTEL_EXPORTER_OTLP_COMPRESSION": " GZIP "},
]


@pytest.mark.parametrize("environ", HTTP_CASES)
@pytest.mark.parametrize("signal", SIGNALS)
def test_http_as_opentelemetry_reads_it(signal: Signal, environ: dict[str, str], exported: Any) -> None:
    endpoint, exporter = one(environ, signal), exported(environ, signal, Protocol.HTTP)
    assert endpoint.protocol is Protocol.HTTP
    assert endpoint.url == exporter._endpoint
    assert endpoint.timeout == exporter._client._timeout
    theirs = {name.lower(): value for name, value in exporter._client._headers.items()}
    ours = {"content-type": "application/x-protobuf", "user-agent": theirs["user-agent"], **endpoint.headers}
    assert ours == {name: value for name, value in theirs.items() if name != "content-encoding"}
    transport = exporter._client._transport
    assert isinstance(transport, RequestsHTTPTransport)
    session = transport._session
    assert (endpoint.certificate or True) == session.verify
    shown = (endpoint.client_certificate, endpoint.client_key) if endpoint.client_key else endpoint.client_certificate
    assert shown == session.cert
    if "OTEL_EXPORTER_OTLP_COMPRESSION" in environ:
        assert endpoint.compression == exporter._compression.value


ADDRESSES = [
    "http://collector:4317",
    "https://collector:4317",
    "https://collector",
    "collector:4317",
    "collector",
    "dns:///collector:4317",
    "unix:///run/otlp",
    "http://collector:4317/path",
    "http://[::1]:4317",
]
FLAGS: list[dict[str, str]] = [
    {},
    {"OTEL_EXPORTER_OTLP_INSECURE": "true"},
    {"OTEL_EXPORTER_OTLP_INSECURE": "False"},
    {"OTEL_EXPORTER_OTLP_TRACES_INSECURE": "TRUE"},
    {"OTEL_EXPORTER_OTLP_INSECURE": "true", "OTEL_EXPORTER_OTLP_TRACES_INSECURE": "false"},
]


@pytest.mark.parametrize(("address", "flags"), list(itertools.product(ADDRESSES, FLAGS)))
@pytest.mark.parametrize("signal", SIGNALS)
def test_grpc_target_as_opentelemetry_reads_it(
    signal: Signal, address: str, flags: dict[str, str], exported: Any
) -> None:
    environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": address, **flags}
    endpoint, exporter = one(environ, signal), exported(environ, signal, Protocol.GRPC)
    assert endpoint.protocol is Protocol.GRPC
    assert endpoint.url == exporter._endpoint
    assert endpoint.insecure is exporter._insecure


@pytest.mark.parametrize("address", ["https://u:canary@collector:4317", "u:canary@collector:4317"])
def test_grpc_is_not_told_user_and_password_as_a_host(address: str) -> None:
    environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": address}
    assert one(environ, "traces").url == "collector:4317"


GRPC_CASES: list[dict[str, str]] = [
    GRPC,
    {**GRPC, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t:1"},
    {**GRPC, "OTEL_EXPORTER_OTLP_HEADERS": "a=b%20c,D=e", "OTEL_EXPORTER_OTLP_LOGS_HEADERS": "f=g h"},
    {**GRPC, "OTEL_EXPORTER_OTLP_TIMEOUT": "3", "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "0.5"},
    {**GRPC, "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"},
]


@pytest.mark.parametrize("environ", GRPC_CASES)
@pytest.mark.parametrize("signal", SIGNALS)
def test_grpc_as_opentelemetry_reads_it(signal: Signal, environ: dict[str, str], exported: Any) -> None:
    endpoint, exporter = one(environ, signal), exported(environ, signal, Protocol.GRPC)
    assert endpoint.url == exporter._endpoint
    assert endpoint.timeout == exporter._timeout
    assert dict(endpoint.headers) == dict(exporter._headers)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, {}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, {}),
        (HTTP, {"http://collector:4318": SIGNALS}),
        (GRPC, {"http://collector:4317": SIGNALS}),
        ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://l/v1/logs"}, {"http://l/v1/logs": ("logs",)}),
        (
            {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://a/l", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a/t"},
            {"http://a": ("traces", "logs")},
        ),
        (
            {**HTTP, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://l:1/x"},
            {"http://collector:4318": ("traces", "metrics"), "http://l:1/x": ("logs",)},
        ),
        ({**HTTP, "OTEL_METRICS_EXPORTER": "none"}, {"http://collector:4318": ("traces", "logs")}),
        ({**HTTP, "OTEL_TRACES_EXPORTER": "console"}, {"http://collector:4318": ("metrics", "logs")}),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, {"http://localhost:4318": ("traces",)}),
        (
            {"OTEL_TRACES_EXPORTER": "otlp,console", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            {"http://localhost:4317": ("traces",)},
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://u:canary@apm/x?k=canary"}, {"https://apm/x": SIGNALS}),
        ({**GRPC, "OTEL_EXPORTER_OTLP_ENDPOINT": "u:canary@collector:4317"}, {"collector:4317": SIGNALS}),
    ],
)
def test_what_is_on_one_host_is_one_destination(environ: dict[str, str], expected: dict[str, Any]) -> None:
    destinations, notes = find(environ)
    assert {destination.name: tuple(destination.endpoints) for destination in destinations} == expected
    assert notes == []


def test_each_signal_may_have_a_protocol_of_its_own() -> None:
    environ = {**HTTP, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}
    assert one(environ, "traces").url == "collector:4318"
    assert one(environ, "logs").url == "http://collector:4318/v1/logs"


def test_compressed_unless_said_otherwise() -> None:
    assert one(HTTP).compression == "gzip"
    assert one(GRPC).compression == "none"
    assert one({**HTTP, "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none"}).compression == "none"
    assert one({**GRPC, "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "gzip"}).compression == "gzip"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "a"}, "a"),
        ({"OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER": "b"}, "b"),
        ({"OTEL_PYTHON_EXPORTER_OTLP_HTTP_LOGS_CREDENTIAL_PROVIDER": "b"}, None),
        ({"OTEL_PYTHON_EXPORTER_OTLP_GRPC_CREDENTIAL_PROVIDER": "a"}, None),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_PYTHON_EXPORTER_OTLP_GRPC_CREDENTIAL_PROVIDER": "a"}, "a"),
    ],
)
def test_credential_providers(variables: dict[str, str], expected: str | None) -> None:
    assert one({**HTTP, **variables}).credential_provider == expected


BAD = [
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "allowed: http/protobuf · grpc; used instead: http/protobuf"),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "smoke", "allowed: http/protobuf · grpc; used instead: http/protobuf"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "allowed: seconds, more than 0, at most 3600; used instead: 10"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1", "allowed: seconds, more than 0, at most 3600; used instead: 10"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "nan", "allowed: seconds, more than 0, at most 3600; used instead: 10"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "allowed: seconds, more than 0, at most 3600; used instead: 10"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "deflate", "allowed: gzip · none; used instead: gzip"),
    ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "zstd", "allowed: gzip · none; used instead: gzip"),
]


@pytest.mark.parametrize(("variable", "value", "rest"), BAD)
def test_a_value_that_is_none_is_named_once_and_the_default_used(variable: str, value: str, rest: str) -> None:
    destinations, notes = find({**HTTP, variable: value})
    assert notes == [f"{variable} is {value!r}; {rest}"]
    assert destinations == find(HTTP)[0]


def test_a_bad_flag() -> None:
    destinations, notes = find({**GRPC, "OTEL_EXPORTER_OTLP_INSECURE": "yes"})
    assert notes == ["OTEL_EXPORTER_OTLP_INSECURE is 'yes'; allowed: true · false; used instead: false"]
    assert not destinations[0].endpoints["traces"].insecure


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("collector:4318", "collector:4318"),
        ("ftp://collector", "ftp://collector"),
        ("http://", "http://"),
        ("http://[::1", "an endpoint that is no address"),
        ("http://host:99999", "an endpoint that is no address"),
        ("//u:canary@host?k=canary", "://host"),
    ],
)
def test_an_address_that_is_none_is_not_sent_to(address: str, shown: str) -> None:
    destinations, notes = find({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": address})
    assert destinations == []
    (note,) = notes
    assert note == (
        f"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is {shown!r}; allowed: with http/protobuf an http:// or https:// address; "
        f"used instead: nothing: traces are not sent there"
    )


def test_a_header_that_is_none_is_left_out_and_not_shown() -> None:
    destinations, notes = find({**HTTP, "OTEL_EXPORTER_OTLP_HEADERS": "a=b,canary,c=canary%0Ad"})
    assert dict(destinations[0].endpoints["logs"].headers) == {"a": "b"}
    assert notes == [
        f"entry {number} of OTEL_EXPORTER_OTLP_HEADERS (not shown) is not key=value, URL-encoded printable ASCII; "
        f"it is left out"
        for number in (2, 3)
    ]


def test_a_configuration_file_is_not_followed() -> None:
    (note,) = find({"OTEL_CONFIG_FILE": "x.yaml"})[1]
    assert note.startswith("OTEL_CONFIG_FILE is 'x.yaml', which dbx-otel does not follow")


FIRST = {
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=canary",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/client.pem",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/client.key",
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "canary",
    "OTEL_PYTHON_EXPORTER_OTLP_GRPC_CREDENTIAL_PROVIDER": "canary",
    "OTEL_EXPORTER_OTLP_INSECURE": "true",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem",
    "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE": "/logs.pem",
}


@pytest.mark.parametrize("protocol", Protocol)
def test_the_second_has_nothing_of_the_first_but_certificates(protocol: Protocol) -> None:
    settings = Settings(
        otlp_endpoint="https://u:canary@apm.example/otlp/", otlp_protocol=protocol, otlp_headers="X-Api-Key=k%20ey"
    )
    (second,), notes = find(FIRST, settings)
    assert notes == []
    assert second.name == "https://apm.example/otlp/"
    assert tuple(second.endpoints) == SIGNALS
    for signal, endpoint in second.endpoints.items():
        if protocol is Protocol.HTTP:
            assert endpoint.url == f"https://u:canary@apm.example/otlp/v1/{signal}"
        assert endpoint.protocol is protocol
        assert endpoint.headers["x-api-key"] == "k ey"
        assert endpoint.headers["x-telemetry-distro"].startswith("dbx-otel/")
        assert len(endpoint.headers) == 2
        assert endpoint.certificate == ("/logs.pem" if signal == "logs" else "/ca.pem")
        assert (endpoint.client_certificate, endpoint.client_key) == ("/client.pem", "/client.key")
        assert (endpoint.credential_provider, endpoint.insecure) == (None, False)


def test_both_destinations() -> None:
    settings = Settings(otlp_endpoint="http://collector:4318")
    first, second = find(HTTP, settings)[0]
    assert first.name == second.name == "http://collector:4318"
    assert "x-telemetry-distro" not in first.endpoints["logs"].headers
    grpc = Settings(otlp_endpoint="http://collector:4317", otlp_protocol=Protocol.GRPC)
    endpoint = find({}, grpc)[0][0].endpoints["logs"]
    assert (endpoint.url, endpoint.insecure) == ("collector:4317", True)


def test_headers_of_the_second_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("x-api-key=k\n")
    settings = Settings(otlp_endpoint="http://apm", otlp_headers_file=file)
    assert find({}, settings)[0][0].endpoints["logs"].headers["x-api-key"] == "k"


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), (b"x-api-key=canary\xff", "not UTF-8")]
)
def test_a_file_of_headers_that_cannot_be_read_switches_it_off(
    content: bytes | None, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "headers"
    if content is not None:
        file.write_bytes(content)
    destinations, notes = find({}, Settings(otlp_endpoint="http://k:canary@apm", otlp_headers_file=file))
    assert destinations == []
    (note,) = notes
    assert note.startswith("DBX_OTEL_OTLP_HEADERS_FILE is ")
    assert note.endswith(f"allowed: a text file ({reason}); used instead: nothing is sent to http://apm")


def test_headers_of_the_second_that_are_none_switch_it_off() -> None:
    destinations, notes = find({}, Settings(otlp_endpoint="http://apm", otlp_headers="a=b,canary"))
    assert destinations == []
    (note,) = notes
    assert note == (
        "entry 2 of DBX_OTEL_OTLP_HEADERS (not shown) is not key=value, URL-encoded printable ASCII; "
        "nothing is sent to http://apm"
    )
