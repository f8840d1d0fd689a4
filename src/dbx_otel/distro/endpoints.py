# SPDX-License-Identifier: Apache-2.0
"""Where the light pipeline sends: destinations from `OTEL_EXPORTER_OTLP_*`, and the second one from the settings.

Sources: OpenTelemetry specification, "OpenTelemetry Protocol Exporter" (configuration options), and what the exporters
of OpenTelemetry for Python make of it: what they accept goes on working.
"""

import os
from collections.abc import Mapping
from typing import Literal, TypedDict
from urllib.parse import SplitResult, urlsplit

from dbx_otel.delivery.batch import Signal
from dbx_otel.delivery.transport.destination import SECONDS, Destination, Endpoint
from dbx_otel.distro import header_list, otlp
from dbx_otel.distro.destinations import config_file_note, exporter_names
from dbx_otel.setting_kinds import public_address
from dbx_otel.settings import Protocol, Settings

_SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")
_DEFAULT_ADDRESS = {Protocol.HTTP: "http://localhost:4318", Protocol.GRPC: "http://localhost:4317"}
_LONGEST = 3600.0


def otlp_destinations(
    settings: Settings, environ: Mapping[str, str] = os.environ
) -> tuple[list[Destination], list[str]]:
    """Find where OTLP goes to: endpoints on one host are one destination.

    Args:
        settings: The settings.
        environ: The environment.

    Returns:
        The destinations, none without an endpoint, and a line for each thing that cannot be done as asked.
    """
    notes: list[str] = []
    if note := config_file_note(environ):
        notes.append(note)
    variables = _Variables(environ, notes)
    found: dict[str, dict[Signal, Endpoint]] = {}
    names: dict[str, set[str]] = {}
    for signal in _SIGNALS:
        address = _first(signal, variables) if "otlp" in exporter_names(signal, environ) else None
        if address is not None:
            text, endpoint = address
            origin = _origin(text)
            found.setdefault(origin, {})[signal] = endpoint
            names.setdefault(origin, set()).add(public_address(text))
    destinations = [
        Destination(names[origin].pop() if len(names[origin]) == 1 else origin, endpoints)
        for origin, endpoints in found.items()
    ]
    if settings.otlp_endpoint is not None:
        destinations += _second(settings.otlp_endpoint, settings, variables)
    return destinations, list(dict.fromkeys(notes))


class _Certificates(TypedDict):
    certificate: str | None
    client_certificate: str | None
    client_key: str | None


class _Variables:
    """The variables of the exporters: a signal's own one before the general one; empty counts as not set.

    Args:
        environ: The environment.
        notes: Takes a line for each value that cannot be used.
    """

    def __init__(self, environ: Mapping[str, str], notes: list[str]) -> None:
        self._environ = environ
        self._notes = notes

    def text(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def of(self, signal: Signal, option: str) -> tuple[str, str]:
        """Return the name of the variable that has the say, and its text; empty where none is set."""
        names = (f"OTEL_EXPORTER_OTLP_{signal.upper()}_{option}", f"OTEL_EXPORTER_OTLP_{option}")
        return next(((name, self.text(name)) for name in names if self.text(name)), (names[1], ""))

    def note(self, variable: str, value: str, allowed: str, instead: str) -> None:
        self._notes.append(f"{variable} is {value[:200]!r}; allowed: {allowed}; used instead: {instead}")

    def note_entries(self, variable: str, bad: list[int], instead: str) -> None:
        for number in bad:
            self._notes.append(
                f"entry {number} of {variable} (not shown) is not key=value, URL-encoded printable ASCII; {instead}"
            )

    def protocol(self, signal: Signal) -> Protocol:
        variable, text = self.of(signal, "PROTOCOL")
        if text and text.lower() not in set(Protocol):
            self.note(variable, text, " · ".join(Protocol), Protocol.HTTP)
        return Protocol(text.lower()) if text.lower() in set(Protocol) else Protocol.HTTP

    def timeout(self, signal: Signal) -> float:
        """Return seconds, as OpenTelemetry for Python reads it; the specification says milliseconds."""
        variable, text = self.of(signal, "TIMEOUT")
        if not text:
            return SECONDS
        try:
            seconds = float(text)
        except ValueError:
            seconds = 0.0
        if 0 < seconds <= _LONGEST:
            return seconds
        self.note(variable, text, f"seconds, more than 0, at most {_LONGEST:g}", f"{SECONDS:g}")
        return SECONDS

    def compression(self, signal: Signal, protocol: Protocol) -> Literal["gzip", "none"]:
        """Return what the variables ask for; where they do not, gzip over HTTP, for which batches are ready.

        gRPC would compress once more, for 3 µs a span, and mostly speaks with a collector on the same machine.
        """
        default: Literal["gzip", "none"] = "none" if protocol is Protocol.GRPC else "gzip"
        variable, text = self.of(signal, "COMPRESSION")
        if text.lower() not in {"", "gzip", "none"}:
            self.note(variable, text, "gzip · none", default)
        return "none" if text.lower() == "none" else "gzip" if text.lower() == "gzip" else default

    def headers(self, signal: Signal) -> dict[str, str]:
        variable, text = self.of(signal, "HEADERS")
        headers, bad = header_list.read(text, liberal=True)
        self.note_entries(variable, bad, "it is left out")
        return headers

    def certificates(self, signal: Signal) -> _Certificates:
        """Return the paths of the three; a key alone is of no use."""
        shown = self.of(signal, "CLIENT_CERTIFICATE")[1] or None
        return {
            "certificate": self.of(signal, "CERTIFICATE")[1] or None,
            "client_certificate": shown,
            "client_key": (self.of(signal, "CLIENT_KEY")[1] or None) if shown else None,
        }

    def insecure(self, signal: Signal, scheme: str) -> bool:
        """Tell whether gRPC goes without TLS: a signal's own variable, an https address, the general variable."""
        own, general = f"OTEL_EXPORTER_OTLP_{signal.upper()}_INSECURE", "OTEL_EXPORTER_OTLP_INSECURE"
        variable = own if self.text(own) else general
        text = self.text(variable).lower()
        if scheme == "https":
            return False
        if text not in {"", "true", "false"}:
            self.note(variable, text, "true · false", "false")
        return text == "true" if text else scheme == "http"

    def credential_provider(self, signal: Signal, protocol: Protocol) -> str | None:
        kind = "GRPC" if protocol is Protocol.GRPC else "HTTP"
        general = f"OTEL_PYTHON_EXPORTER_OTLP_{kind}_CREDENTIAL_PROVIDER"
        own = f"OTEL_PYTHON_EXPORTER_OTLP_{kind}_{signal.upper()}_CREDENTIAL_PROVIDER"
        return self.text(general) or self.text(own) or None


def _first(signal: Signal, variables: _Variables) -> tuple[str, Endpoint] | None:
    """Return address, as given, and endpoint of a signal, by OpenTelemetry's variables."""
    protocol = variables.protocol(signal)
    variable, address = variables.of(signal, "ENDPOINT")
    is_own = variable != "OTEL_EXPORTER_OTLP_ENDPOINT"
    address = address or _DEFAULT_ADDRESS[protocol]
    if protocol is Protocol.GRPC:
        url, insecure = _target(address), variables.insecure(signal, _parts(address).scheme)
    else:
        url, insecure = address if is_own else f"{address.removesuffix('/')}/v1/{signal}", False
        if _parts(address).scheme not in {"http", "https"} or not _parts(address).hostname:
            allowed = "with http/protobuf an http:// or https:// address"
            variables.note(variable, public_address(address), allowed, f"nothing: {signal} are not sent there")
            return None
    return address, Endpoint(
        url,
        protocol,
        headers=variables.headers(signal),
        **variables.certificates(signal),
        compression=variables.compression(signal, protocol),
        timeout=variables.timeout(signal),
        insecure=insecure,
        credential_provider=variables.credential_provider(signal, protocol),
    )


def _second(address: str, settings: Settings, variables: _Variables) -> list[Destination]:
    """Return the destination of the settings, whose headers and credential providers are its own.

    What the environment says of certificates, compression and time holds for it, too: it is about this machine.
    """
    headers = _second_headers(settings, variables)
    if headers is None:
        return []
    is_grpc = settings.otlp_protocol is Protocol.GRPC
    endpoints: dict[Signal, Endpoint] = {
        signal: Endpoint(
            _target(address) if is_grpc else f"{address.rstrip('/')}/v1/{signal}",
            settings.otlp_protocol,
            headers=headers,
            **variables.certificates(signal),
            compression=variables.compression(signal, settings.otlp_protocol),
            timeout=variables.timeout(signal),
            insecure=is_grpc and _parts(address).scheme == "http",
        )
        for signal in _SIGNALS
    }
    return [Destination(public_address(address), endpoints)]


def _second_headers(settings: Settings, variables: _Variables) -> dict[str, str] | None:
    """Return the headers of the second destination; `None`, and a note, where they cannot be read."""
    nothing = f"nothing is sent to {public_address(settings.otlp_endpoint or '')}"
    try:
        variable, text = otlp.second_headers(settings)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        variables.note(
            "DBX_OTEL_OTLP_HEADERS_FILE", str(settings.otlp_headers_file), f"a text file ({reason})", nothing
        )
        return None
    headers, bad = header_list.read(text)
    variables.note_entries(variable, bad, nothing)
    return None if bad else {**otlp.DISTRO_HEADER, **headers}


def _target(address: str) -> str:
    """Return what gRPC takes for an address: host and port where it has a scheme with `//`, else what it is.

    gRPC has no use for user and password, and would take them for a part of the host's name.
    """
    target = _parts(address).netloc or address
    return target if "/" in target else target.rpartition("@")[2]


def _parts(address: str) -> SplitResult:
    """Split an address; one that is none has no parts."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # not a number, or none that a port can have
    except ValueError:
        return urlsplit("")
    return parts


def _origin(address: str) -> str:
    """Return scheme, host and port as messages may show them."""
    parts = _parts(public_address(address))
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else public_address(address)
