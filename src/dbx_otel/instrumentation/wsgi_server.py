# SPDX-License-Identifier: Apache-2.0
"""What the span of a WSGI request says, and where it stands in the trace (PEP 3333).

Rules: those of `http_server`.
"""

from typing import Any
from urllib.parse import quote

from opentelemetry import context, propagate, trace
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import SpanKind

from dbx_otel import identity, semconv
from dbx_otel.instrumentation.http_server import (
    CapturedHeaders,
    Method,
    client_attributes,
    host_of,
    redacted_query,
    user_agent_of,
)

Environ = dict[str, Any]


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


def headers_of(environ: Environ) -> list[tuple[str, str]]:
    """Return the headers of a request."""
    return [(key[5:].replace("_", "-"), value) for key, value in environ.items() if key.startswith("HTTP_")]


def version_of(environ: Environ) -> str | None:
    """Return the version of HTTP of a request, if it is known."""
    protocol: str = environ.get("SERVER_PROTOCOL", "")
    return (protocol[5:] if protocol[:5].upper() == "HTTP/" else protocol) or None


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
    attributes: dict[str, Any] = {semconv.HTTP_REQUEST_METHOD: method.name}
    if method.original:
        attributes[semconv.HTTP_REQUEST_METHOD_ORIGINAL] = method.original
    scheme = environ.get("wsgi.url_scheme")
    if scheme:
        attributes[semconv.URL_SCHEME] = scheme
    port = environ.get("SERVER_PORT")
    host = environ.get("HTTP_HOST")
    if host:
        attributes[semconv.SERVER_ADDRESS] = host.removesuffix(f":{port}")
    number = _number(port)
    if number:
        attributes[semconv.SERVER_PORT] = number
    attributes.update(_target(environ))
    who = identity.of_request(environ, GETTER)
    client_attributes(
        attributes, who, environ.get("REMOTE_HOST") or environ.get("REMOTE_ADDR"), _number(environ.get("REMOTE_PORT"))
    )
    agent = environ.get("HTTP_USER_AGENT")
    if agent:
        text, synthetic = user_agent_of(agent)
        attributes[semconv.USER_AGENT_ORIGINAL] = text
        if synthetic:
            attributes[semconv.USER_AGENT_SYNTHETIC_TYPE] = synthetic
    version = version_of(environ)
    if version:
        attributes[semconv.NETWORK_PROTOCOL_VERSION] = version
    return attributes


def _target(environ: Environ) -> dict[str, str]:
    path = environ.get("PATH_INFO", "")
    if not (environ.get("RAW_URI") or environ.get("REQUEST_URI")):
        # A server that does not tell the raw address: how WSGI hands it on, its bytes as latin-1, quoted again.
        decoded = f"{environ.get('SCRIPT_NAME', '')}{path}".encode("latin-1", "replace")
        return {semconv.URL_PATH: quote(decoded, safe="/:@!$&'()*+,;=~")}
    query = redacted_query(environ.get("QUERY_STRING", ""))
    return {name: value for name, value in ((semconv.URL_PATH, path), (semconv.URL_QUERY, query)) if value}


def _number(text: Any) -> int | None:
    try:
        return int(text)
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
        around = propagate.extract(environ, getter=GETTER)
        if captured is not None:
            attributes.update(captured.attributes(headers_of(environ)))
    span = tracer.start_span(name, around, kind, attributes, start_time=start_time)
    return span, trace.set_span_in_context(span, around)


def default_span_name(environ: Environ, method: Method) -> str:
    """Return the name of a span of which no route is known.

    Args:
        environ: The request.
        method: Its method.
    """
    path = environ.get("PATH_INFO", "").strip()
    name = method.in_span_name
    return f"{name} {path}" if path and method.name != "_OTHER" else name
