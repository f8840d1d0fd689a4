# SPDX-License-Identifier: Apache-2.0
"""What the span of a WSGI request says, and where it stands in the trace (PEP 3333).

Rules: those of `http_server`.
"""

from typing import Any
from urllib.parse import quote

from opentelemetry import context, trace
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import SpanKind

from dbx_otel import identity, semconv
from dbx_otel.instrumentation.http_server import (
    CapturedHeaders,
    Method,
    host_of,
    peer_attributes,
    redacted_query,
    user_agent_of,
)
from dbx_otel.instrumentation.incoming_context import W3C_NAMES, IncomingContext

Environ = dict[str, Any]

_VERSIONS = {"HTTP/1.1": "1.1", "HTTP/1.0": "1.0", "HTTP/2": "2", "HTTP/2.0": "2.0"}


class EnvironGetter(Getter[Environ]):
    """Reads the headers of a request."""

    def get(self, carrier: Environ, key: str) -> list[str] | None:
        """Return a header's values.

        Args:
            carrier: The request.
            key: Name of the header.
        """
        value = carrier.get("HTTP_" + key.upper().replace("-", "_"))
        return None if value is None else [value]

    def keys(self, carrier: Environ) -> list[str]:
        """Return the names of the headers.

        Args:
            carrier: The request.
        """
        return [name.lower() for name, _ in headers_of(carrier)]


GETTER = EnvironGetter()
_INCOMING = IncomingContext(GETTER)
_TRACE_KEYS = tuple((f"HTTP_{name.decode().upper()}", name) for name in W3C_NAMES)


def headers_of(environ: Environ) -> list[tuple[str, str]]:
    """Return the headers of a request."""
    return [(key[5:].replace("_", "-"), value) for key, value in environ.items() if key.startswith("HTTP_")]


def version_of(environ: Environ) -> str | None:
    """Return the version of HTTP of a request, if it is known."""
    protocol: str = environ.get("SERVER_PROTOCOL", "")
    return _VERSIONS.get(protocol) or (protocol[5:] if protocol[:5].upper() == "HTTP/" else protocol) or None


def url_of(environ: Environ) -> str:
    """Return the URL of a request without its query, to be compared with excluded ones."""
    host = host_of(environ.get("HTTP_HOST"), environ.get("SERVER_NAME", ""))
    return f"{environ.get('wsgi.url_scheme')}://{host}{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"


def request_attributes(environ: Environ, method: Method) -> dict[str, Any]:
    """Return the attributes of a request's span.

    Args:
        environ: The request.
        method: Its method.
    """
    get = environ.get
    attributes: dict[str, Any] = {semconv.HTTP_REQUEST_METHOD: method.name}
    if method.original:
        attributes[semconv.HTTP_REQUEST_METHOD_ORIGINAL] = method.original
    scheme = get("wsgi.url_scheme")
    if scheme:
        attributes[semconv.URL_SCHEME] = scheme
    port = get("SERVER_PORT")
    host = get("HTTP_HOST")
    if host:
        attributes[semconv.SERVER_ADDRESS] = host.removesuffix(f":{port}")
    number = _number(port)
    if number is not None:
        attributes[semconv.SERVER_PORT] = number
    path = _path_of(environ)
    if path:
        attributes[semconv.URL_PATH] = path
    query = get("QUERY_STRING")
    if query and _tells_the_raw_address(environ):
        attributes[semconv.URL_QUERY] = redacted_query(query)
    peer_attributes(attributes, get("REMOTE_HOST") or get("REMOTE_ADDR"), _number(get("REMOTE_PORT")))
    agent = get("HTTP_USER_AGENT")
    if agent:
        text, synthetic = user_agent_of(agent)
        attributes[semconv.USER_AGENT_ORIGINAL] = text
        if synthetic:
            attributes[semconv.USER_AGENT_SYNTHETIC_TYPE] = synthetic
    version = version_of(environ)
    if version:
        attributes[semconv.NETWORK_PROTOCOL_VERSION] = version
    return attributes


def _tells_the_raw_address(environ: Environ) -> bool:
    return bool(environ.get("RAW_URI") or environ.get("REQUEST_URI"))


def _path_of(environ: Environ) -> str:
    """Return the path; from a server that does not tell the raw address it comes unquoted, its bytes as latin-1."""
    path: str = environ.get("PATH_INFO", "")
    if _tells_the_raw_address(environ):
        return path
    decoded = f"{environ.get('SCRIPT_NAME', '')}{path}"
    return quote(decoded.encode("latin-1", "replace"), safe="/:@!$&'()*+,;=~")


def _number(text: Any) -> int | None:
    try:
        return int(text) if text else None
    except (TypeError, ValueError):
        return None


def start_span(
    tracer: trace.Tracer,
    name: str,
    environ: Environ,
    attributes: dict[str, Any],
    start_time: int,
    captured: CapturedHeaders | None,
) -> tuple[trace.Span, context.Context]:
    """Start the span of a request; inside of another span, such as that of an app around it, it is an internal one.

    Args:
        tracer: Who makes it.
        name: Its name.
        environ: The request.
        attributes: Its attributes.
        start_time: Nanoseconds since the epoch.
        captured: Headers of the request to be shown.

    Returns:
        The span and the context in which it is current.
    """
    kind = SpanKind.INTERNAL
    around = context.get_current()
    if trace.get_current_span(around) is trace.INVALID_SPAN:
        kind = SpanKind.SERVER
        around = _extracted(environ)
        if captured is not None:
            attributes.update(captured.attributes(headers_of(environ)))
    span = tracer.start_span(name, around, kind, attributes, start_time=start_time)
    return span, trace.set_span_in_context(span, around)


def _extracted(environ: Environ) -> context.Context:
    """Return a context with the person and the trace of a request, and nothing of what is current."""
    who = identity.with_identity(identity.of_request(environ, GETTER), context.Context())
    fields = {name: environ[key] for key, name in _TRACE_KEYS if key in environ}
    return _INCOMING.extract(environ, fields, who)


def default_span_name(environ: Environ, method: Method) -> str:
    """Return the name of a span of which no route is known.

    Args:
        environ: The request.
        method: Its method.
    """
    path = environ.get("PATH_INFO", "").strip()
    name = method.in_span_name
    return f"{name} {path}" if path and method.name != "_OTHER" else name
