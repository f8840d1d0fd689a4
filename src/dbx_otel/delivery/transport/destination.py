# SPDX-License-Identifier: Apache-2.0
"""Where batches go: a destination has an endpoint for each signal that it takes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from dbx_otel import __version__
from dbx_otel.delivery.batch import Signal
from dbx_otel.settings import Protocol

USER_AGENT = f"dbx-otel/{__version__}"

SECONDS = 10.0
"""Longest time of one attempt where nothing else is asked for (OTLP exporter specification, `timeout`)."""


class Endpoint(NamedTuple):
    """How one signal is sent (OpenTelemetry specification, "OpenTelemetry Protocol Exporter").

    Attributes:
        url: With HTTP the whole address; with gRPC the target, `host:port` or any form that gRPC resolves.
        protocol: How OTLP is spoken.
        headers: Headers, or metadata with gRPC, by lower-case name; secret.
        certificate: Path of the certificate authorities to believe, PEM; those of this machine if `None`.
        client_certificate: Path of the certificate to show, PEM, with its chain.
        client_key: Path of its key, where that is not in the same file.
        compression: How bodies are sent.
        timeout: Seconds that one attempt may take.
        insecure: With gRPC, whether to speak without TLS; with HTTP the address tells.
        credential_provider: Name of an entry point of the group `opentelemetry_otlp_credential_provider`.
    """

    url: str
    protocol: Protocol = Protocol.HTTP
    headers: Mapping[str, str] = MappingProxyType({})
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    compression: Literal["gzip", "none"] = "gzip"
    timeout: float = SECONDS
    insecure: bool = False
    credential_provider: str | None = None


class Destination(NamedTuple):
    """One place that takes batches; what becomes of it concerns no other.

    Attributes:
        name: What messages call it; no secret.
        endpoints: By signal, how that is sent; signals that are not there do not go to this destination.
    """

    name: str
    endpoints: Mapping[Signal, Endpoint]
