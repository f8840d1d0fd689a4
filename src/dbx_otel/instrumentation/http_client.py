# SPDX-License-Identifier: Apache-2.0
"""A call of an HTTP client: its span, its duration, and the trace context that goes along; shared by the hooks.

Rules: OpenTelemetry semantic conventions, "HTTP client span", as opentelemetry-instrumentation-requests and -httpx
0.66b1 follow them; `tests/comparison` names the differences. Nothing here raises into the call.
"""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from time import perf_counter
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, urlencode, urlparse, urlsplit

from opentelemetry import context, propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from dbx_otel import identity, semconv
from dbx_otel._version import __version__
from dbx_otel.instrumentation.http_server import (
    SCHEMA_URL,
    SIGNATURES,
    Method,
    captured_headers,
    end,
    excluded_urls,
    set_exception,
)
from dbx_otel.instrumentation.suppression import is_suppressed
from dbx_otel.metrics import http
from dbx_otel.otlp.model import Scope

_ERROR = Status(StatusCode.ERROR)
_SUCCESSES = range(100, 400)
_CAPTURE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_"


class Request(NamedTuple):
    """What is about to be sent.

    Attributes:
        method: Its method.
        url: Its URL, as sent.
        host: The server's name; `None` where the URL has none.
        port: The server's port, where the URL names one.
    """

    method: Method
    url: str
    host: str | None
    port: int | None


class Answer(NamedTuple):
    """What has come back.

    Attributes:
        status: Status code.
        version: Version of HTTP; `None` where it is not known.
        headers: Returns the headers, name by value; called where some are to be shown.
    """

    status: int
    version: str | None
    headers: Callable[[], Iterable[tuple[str, str]]]


class Client:
    """What the calls of one library have in common.

    Args:
        library: Name of the library, as in its scope and in the variables of OpenTelemetry.
        context_key: What to set in the context of a call, beside its span.
    """

    def __init__(self, library: str, context_key: str | None = None) -> None:
        name = f"dbx_otel.instrumentation.{library}"
        self.tracer = trace.get_tracer(name, __version__, schema_url=SCHEMA_URL)
        self.duration = http.client_request_duration(Scope(name, __version__, SCHEMA_URL))
        self.context_key = context_key
        self.is_excluded = excluded_urls(library.upper())
        self.request_headers = captured_headers(f"{_CAPTURE}REQUEST", "http.request.header.")
        self.response_headers = captured_headers(f"{_CAPTURE}RESPONSE", "http.response.header.")

    def wants(self, url: str) -> bool:
        """Tell whether a call gets a span.

        Args:
            url: Where it goes.
        """
        return not is_suppressed() and (self.is_excluded is None or not self.is_excluded(url))

    def begin(self, request: Request, headers: Any, more: dict[str, Any] | None = None) -> "Call":
        """Begin a call: its span becomes the current one, and its headers bear the trace context.

        Args:
            request: What is about to be sent.
            headers: The headers, as the library holds them; changed.
            more: Further attributes of the span.
        """
        method = request.method
        attributes: dict[str, Any] = {
            semconv.HTTP_REQUEST_METHOD: method.name,
            semconv.URL_FULL: redacted(request.url),
        }
        if method.original:
            attributes[semconv.HTTP_REQUEST_METHOD_ORIGINAL] = method.original
        if request.host:
            attributes[semconv.SERVER_ADDRESS] = attributes[semconv.NETWORK_PEER_ADDRESS] = request.host
        if request.port:
            attributes[semconv.SERVER_PORT] = attributes[semconv.NETWORK_PEER_PORT] = request.port
        if more:
            attributes.update(more)
        span = self.tracer.start_span(method.in_span_name, kind=SpanKind.CLIENT, attributes=attributes)
        current = trace.set_span_in_context(span)
        if self.context_key is not None:
            current = context.set_value(self.context_key, True, current)
        call = Call(self, request, span, context.attach(current))
        try:
            propagate.inject(headers)
        except Exception as error:
            # The call goes on, only its trace ends here.
            with suppress(Exception):
                span.record_exception(error)
        return call


class Call:
    """A call under way.

    Args:
        client: The library that makes it.
        request: What is sent.
        span: Its span, which is current.
        token: Brings back what was current before.
    """

    __slots__ = ("_begun", "_client", "_request", "_span", "_token")

    def __init__(self, client: Client, request: Request, span: trace.Span, token: Any) -> None:
        self._client = client
        self._request = request
        self._span = span
        self._token = token
        self._begun = perf_counter()

    def end(self, answer: Answer | None) -> None:
        """End a call that has returned.

        Args:
            answer: What has come back; `None` where a stand-in has made up something else.
        """
        took = perf_counter() - self._begun
        try:
            error_type = self._answered(answer) if answer is not None else None
            self._record(took, answer, error_type)
        except Exception:
            # The call went well all the same.
            pass
        self._leave()

    def fail(self, error: BaseException, answer: Answer | None = None) -> None:
        """End a call that has raised.

        Args:
            error: The exception. What is no `Exception`, such as a cancellation, is no failure of the call.
            answer: What it is about, if something has come back.
        """
        took = perf_counter() - self._begun
        if isinstance(error, Exception):
            error_type = type(error).__qualname__
            try:
                if answer is not None:
                    self._answered(answer)
                self._record(took, answer, error_type)
                self._span.set_attribute(semconv.ERROR_TYPE, error_type)
            except Exception:
                # The app is told of the failure by the exception itself.
                pass
            set_exception(self._span, error)
        self._leave()

    def _answered(self, answer: Answer) -> str | None:
        """Put what has come back on the span, and return the `error.type` if its status is an error."""
        span = self._span
        span.set_attribute(semconv.HTTP_RESPONSE_STATUS_CODE, answer.status)
        if answer.version:
            span.set_attribute(semconv.NETWORK_PROTOCOL_VERSION, answer.version)
        captured = self._client.response_headers
        if captured is not None:
            span.set_attributes(captured.attributes(answer.headers()))
        if answer.status in _SUCCESSES:
            return None
        error_type = str(answer.status)
        span.set_attribute(semconv.ERROR_TYPE, error_type)
        span.set_status(_ERROR)
        return error_type

    def _record(self, took: float, answer: Answer | None, error_type: str | None) -> None:
        """Record how long the call took, in seconds."""
        request = self._request
        attributes = (
            (semconv.HTTP_REQUEST_METHOD, request.method.name),
            (semconv.SERVER_ADDRESS, request.host),
            (semconv.SERVER_PORT, request.port),
            (semconv.HTTP_RESPONSE_STATUS_CODE, answer.status if answer is not None else None),
            (semconv.ERROR_TYPE, error_type),
            (semconv.NETWORK_PROTOCOL_VERSION, answer.version if answer is not None else None),
        )
        known = tuple([pair for pair in attributes if pair[1]])
        self._client.duration.record(took, known, self._span.get_span_context())

    def _leave(self) -> None:
        end(self._span)
        identity.leave(self._token)


class _Server(NamedTuple):
    """Whom a URL names.

    Attributes:
        host: The name, in lower case.
        port: The port, if it is named.
    """

    host: str | None
    port: int | None


_AUTHORITY: Final = re.compile("[^:/?#]+://([^/?#]*)")


def server_of(url: str) -> _Server:
    """Return the host and port that a URL names; nothing where it cannot be read."""
    found = _AUTHORITY.match(url)
    return _server(found[1].rpartition("@")[2]) if found is not None else _Server(None, None)


@lru_cache(maxsize=512)
def _server(authority: str) -> _Server:
    host = None
    try:
        parts = urlsplit(f"//{authority}")
        host = parts.hostname
        return _Server(host, parts.port)
    except ValueError:
        return _Server(host, None)


_MAY_BE_SIGNED: Final = re.compile(rf"[?&](?:[^=&#]*[%+][^=&#]*|{'|'.join(SIGNATURES)})=")


def redacted(url: str) -> str:
    """Return a URL without credentials and signatures.

    Args:
        url: The URL. One that cannot be read is returned as it is.
    """
    try:
        if "@" in url:
            parts = urlparse(url)
            if parts.scheme and "@" in parts.netloc:
                host = parts.netloc.rpartition("@")[2]
                url = parts._replace(netloc=f"REDACTED:REDACTED@{host}").geturl()
        if "?" in url and _MAY_BE_SIGNED.search(url):
            url = _without_signatures(url)
    except ValueError:
        return url
    return url


def _without_signatures(url: str) -> str:
    parts = urlparse(url)
    parameters = parse_qs(parts.query)
    signed = [name for name in SIGNATURES if name in parameters]
    if not signed:
        return url
    parameters.update((name, ["REDACTED"]) for name in signed)
    return parts._replace(query=urlencode(parameters, doseq=True)).geturl()
