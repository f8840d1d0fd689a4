# SPDX-License-Identifier: Apache-2.0
"""OTLP exporters by signal and protocol: the first destination from `OTEL_EXPORTER_OTLP_*`, the second from settings.

The endpoint is never written to the environment: mlflow and others would follow it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbx_otel import __version__
from dbx_otel.distro import header_list
from dbx_otel.setting_kinds import public_address
from dbx_otel.settings import Protocol, Settings

DISTRO_HEADER = {"x-telemetry-distro": f"dbx-otel/{__version__}"}

# Those of the request itself, as the exporter and its HTTP client set them.
_HTTP_HEADERS = frozenset(
    ("accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "user-agent")
)


def has_endpoint(signal: str, environ: Mapping[str, str]) -> bool:
    """Tell whether the environment names an OTLP endpoint for a signal.

    Args:
        signal: `traces`, `metrics` or `logs`.
        environ: The environment.
    """
    names = (f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return any(environ.get(name, "").strip() for name in names)


def first_destination(signal: str, environ: Mapping[str, str], notes: list[str]) -> tuple[str, Any]:
    """Return name and maker of the exporter that OpenTelemetry's variables describe; the exporter reads them itself.

    Args:
        signal: `traces`, `metrics` or `logs`.
        environ: The environment.
        notes: Takes a line if the protocol is none.
    """
    upper = signal.upper()
    variable = f"OTEL_EXPORTER_OTLP_{upper}_PROTOCOL"
    if not environ.get(variable, "").strip():
        variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
    text = environ.get(variable, "").strip().lower() or Protocol.HTTP.value
    if text not in set(Protocol):
        allowed = " · ".join(Protocol)
        notes.append(f"{variable} is {text!r}; allowed: {allowed}; used instead: {Protocol.HTTP}")
        text = Protocol.HTTP
    endpoint = environ.get(f"OTEL_EXPORTER_OTLP_{upper}_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    name = public_address(endpoint) if endpoint else "the default endpoint"
    return name, lambda: _make_by_environment(signal, Protocol(text))


def second_destination(signal: str, settings: Settings) -> tuple[str, Any]:
    """Return name and maker of the exporter for `DBX_OTEL_OTLP_ENDPOINT`.

    Args:
        signal: `traces`, `metrics` or `logs`.
        settings: The settings; the endpoint is set.
    """
    endpoint = settings.otlp_endpoint or ""
    make = _make_grpc if settings.otlp_protocol is Protocol.GRPC else _make_http
    return public_address(endpoint), lambda: make(signal, endpoint, _headers(settings))


def exporter_class(signal: str, protocol: Protocol) -> Any:
    """Import the exporter of a signal and a protocol.

    Args:
        signal: `traces`, `metrics` or `logs`.
        protocol: The protocol.
    """
    from importlib import import_module

    package = "grpc" if protocol is Protocol.GRPC else "http"
    module, name = {
        "traces": ("trace_exporter", "OTLPSpanExporter"),
        "metrics": ("metric_exporter", "OTLPMetricExporter"),
        "logs": ("_log_exporter", "OTLPLogExporter"),
    }[signal]
    return getattr(import_module(f"opentelemetry.exporter.otlp.proto.{package}.{module}"), name)


def _make_by_environment(signal: str, protocol: Protocol) -> Any:
    return exporter_class(signal, protocol)()


def second_headers(settings: Settings) -> tuple[str, str]:
    """Return the variable that holds the headers of the second destination, and what it holds; empty where none does.

    Args:
        settings: The settings.

    Raises:
        OSError: The file cannot be read.
        UnicodeDecodeError: It is not UTF-8.
    """
    if settings.otlp_headers is None and settings.otlp_headers_file is not None:
        return "DBX_OTEL_OTLP_HEADERS_FILE", settings.otlp_headers_file.read_text(encoding="utf-8")
    return "DBX_OTEL_OTLP_HEADERS", settings.otlp_headers or ""


def _headers(settings: Settings) -> dict[str, str]:
    """Read the headers of the second destination.

    Raises:
        ValueError: An entry is no header; the message does not show it.
        OSError: The file cannot be read.
    """
    variable, text = second_headers(settings)
    headers, bad = header_list.read(text)
    if bad:
        raise ValueError(f"entry {bad[0]} of {variable} (not shown) is not key=value, URL-encoded printable ASCII")
    return headers


def _make_grpc(signal: str, endpoint: str, headers: dict[str, str]) -> Any:
    import grpc

    # Headers and credentials that are given keep the exporter from those of the environment, the first destination's.
    return exporter_class(signal, Protocol.GRPC)(
        endpoint=endpoint,
        insecure=endpoint.startswith("http://"),
        credentials=grpc.ssl_channel_credentials(_certificate(signal)),
        headers={**DISTRO_HEADER, **headers},
    )


def _certificate(signal: str) -> bytes | None:
    """Return the certificate authority of the environment: whom this machine believes holds for all destinations."""
    for name in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"):
        path = os.environ.get(name, "").strip()
        if path:
            return Path(path).read_bytes()
    return None


def _make_http(signal: str, endpoint: str, headers: dict[str, str]) -> Any:
    import requests

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        # The exporter adds the headers of the environment, which are the first destination's and may be its key.
        for name in set(map(str.lower, request.headers)) - _HTTP_HEADERS:
            del request.headers[name]
        request.headers.update({**DISTRO_HEADER, **headers})
        return request

    session = requests.Session()
    session.auth = authorize
    return exporter_class(signal, Protocol.HTTP)(endpoint=f"{endpoint.rstrip('/')}/v1/{signal}", session=session)
