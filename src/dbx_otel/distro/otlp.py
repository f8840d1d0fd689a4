# SPDX-License-Identifier: Apache-2.0
"""OTLP exporters by signal and protocol: the first destination from `OTEL_EXPORTER_OTLP_*`, the second from settings.

The endpoint is never written to the environment: mlflow and others would follow it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from dbx_otel import __version__
from dbx_otel.settings import Protocol, Settings

_DISTRO_HEADER = {"x-telemetry-distro": f"dbx-otel/{__version__}"}


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
    text = environ.get(variable, "").strip().lower() or Protocol.HTTP
    if text not in set(Protocol):
        allowed = " · ".join(Protocol)
        notes.append(f"{variable} is {text!r}; allowed: {allowed}; used instead: {Protocol.HTTP}")
        text = Protocol.HTTP
    endpoint = environ.get(f"OTEL_EXPORTER_OTLP_{upper}_ENDPOINT") or environ.get(
        "OTEL_EXPORTER_OTLP_ENDPOINT", "the default endpoint"
    )
    return shown(endpoint), lambda: _make_by_environment(signal, Protocol(text))


def second_destination(signal: str, settings: Settings) -> tuple[str, Any]:
    """Return name and maker of the exporter for `DBX_OTEL_OTLP_ENDPOINT`.

    Args:
        signal: `traces`, `metrics` or `logs`.
        settings: The settings; the endpoint is set.
    """
    endpoint = settings.otlp_endpoint or ""
    make = _make_grpc if settings.otlp_protocol is Protocol.GRPC else _make_http
    return shown(endpoint), lambda: make(signal, endpoint, _headers(settings))


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


def shown(endpoint: str) -> str:
    """Return an endpoint as messages may show it: without user, password, query and fragment."""
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an endpoint that is no address"
    return f"{parts.scheme}://{host}{port}{parts.path}" if host else endpoint.split("?", 1)[0]


def _make_by_environment(signal: str, protocol: Protocol) -> Any:
    return exporter_class(signal, protocol)()


def _headers(settings: Settings) -> dict[str, str]:
    from opentelemetry.util.re import parse_env_headers

    text = settings.otlp_headers
    if text is None and settings.otlp_headers_file is not None:
        text = settings.otlp_headers_file.read_text(encoding="utf-8").strip()
    return dict(parse_env_headers(text or "", liberal=True))


def _make_grpc(signal: str, endpoint: str, headers: dict[str, str]) -> Any:
    # Given headers keep the exporter from those of the environment, which are the first destination's.
    return exporter_class(signal, Protocol.GRPC)(
        endpoint=endpoint, insecure=endpoint.startswith("http://"), headers={**_DISTRO_HEADER, **headers}
    )


def _make_http(signal: str, endpoint: str, headers: dict[str, str]) -> Any:
    import os

    import requests
    from opentelemetry.util.re import parse_env_headers

    foreign = {
        name.lower()
        for variable in ("OTEL_EXPORTER_OTLP_HEADERS", f"OTEL_EXPORTER_OTLP_{signal.upper()}_HEADERS")
        for name in parse_env_headers(os.environ.get(variable, ""), liberal=True)
    }

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        # The exporter adds the headers of the environment, which are the first destination's and may be its key.
        for name in foreign:
            request.headers.pop(name, None)
        request.headers.update({**_DISTRO_HEADER, **headers})
        return request

    session = requests.Session()
    session.auth = authorize
    return exporter_class(signal, Protocol.HTTP)(endpoint=f"{endpoint.rstrip('/')}/v1/{signal}", session=session)
