# SPDX-License-Identifier: Apache-2.0
"""Flask: one server span a request, from its arrival until Flask has torn its context down.

The span is started when the route is known, and made current for what the app does: its own `before_request`
functions, the view, error handlers, teardown functions and, under `stream_with_context`, the stream.
"""

import sys
from contextlib import suppress
from functools import lru_cache, wraps
from time import perf_counter, time_ns
from types import ModuleType
from typing import Any

from opentelemetry import context, trace
from opentelemetry.trace import Status, StatusCode

from dbx_otel import identity, semconv
from dbx_otel._version import __version__
from dbx_otel.instrumentation import wsgi_server
from dbx_otel.instrumentation.http_server import (
    SCHEMA_URL,
    captured_request_headers,
    captured_response_headers,
    end,
    excluded_urls,
    method_of,
    set_exception,
    set_response_status,
)
from dbx_otel.instrumentation.sql_comment import with_tags
from dbx_otel.metrics import http
from dbx_otel.otlp.model import Scope

_NAME = "dbx_otel.instrumentation.flask"
_SERVED = "dbx_otel.flask"
"""Key of a request in its environ, until its context has been made; then name in that context."""
_BY_CONTRIB = "_is_instrumented_by_opentelemetry"
"""Name in an app that OpenTelemetry's instrumentation is at work in, because the app's author has asked for it."""


def instrument(module: ModuleType) -> None:
    """Wrap what every request to every app passes.

    Args:
        module: `flask`.

    Raises:
        AttributeError: This release of Flask is made differently.
    """
    flask, contexts = module.app.Flask, module.globals
    # One for the request until Flask 3.1, one for both afterwards.
    current = (getattr(contexts, "_cv_request", None) or contexts._cv_app).get  # noqa: SLF001 -- the proxies cost a microsecond each
    server = _Server()
    call, preprocess, teardown = flask.wsgi_app, flask.preprocess_request, flask.do_teardown_request

    @wraps(call)
    def wsgi_app(self: Any, environ: Any, start_response: Any) -> Any:
        if getattr(self, _BY_CONTRIB, False):
            return call(self, environ, start_response)
        request = _Request(server, environ, start_response)
        environ[_SERVED] = request
        try:
            chunks = call(self, environ, request.start_response)
            request.has_returned()
            return chunks
        finally:
            request.leave()

    @wraps(preprocess)
    def preprocess_request(self: Any, *args: Any, **kwargs: Any) -> Any:
        flask_context = current()
        request = flask_context.request.environ.pop(_SERVED, None)
        if request is not None:
            # Copies of the context, made for threads, do not bear it: they do not end the request.
            setattr(flask_context, _SERVED, request)
            request.enter(flask_context.request)
        return preprocess(self, *args, **kwargs)

    @wraps(teardown)
    def do_teardown_request(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return teardown(self, *args, **kwargs)
        finally:
            request = getattr(current(None), "__dict__", {}).pop(_SERVED, None)
            if request is not None:
                request.end(next((arg for arg in args if isinstance(arg, Exception)), None))

    flask.wsgi_app = wsgi_app
    flask.preprocess_request = preprocess_request
    flask.do_teardown_request = do_teardown_request


class _Server:
    """What all requests to this process have in common."""

    def __init__(self) -> None:
        scope = Scope(_NAME, __version__, SCHEMA_URL)
        self.tracer = trace.get_tracer(_NAME, __version__, schema_url=SCHEMA_URL)
        self.duration = http.server_request_duration(scope)
        self.active = http.server_active_requests(scope)
        self.is_excluded = excluded_urls("FLASK")
        self.request_headers = captured_request_headers()
        self.response_headers = captured_response_headers()


class _Request:
    """A request under way. Its methods do not raise.

    Args:
        server: What it has in common with others.
        environ: The request.
        respond: The server's `start_response` (PEP 3333).
    """

    __slots__ = (
        "_begun",
        "_begun_ns",
        "_environ",
        "_error_type",
        "_is_excluded",
        "_labels",
        "_method",
        "_respond",
        "_route",
        "_server",
        "_span",
        "_status",
        "_token",
    )

    def __init__(self, server: _Server, environ: Any, respond: Any) -> None:
        self._begun_ns = time_ns()
        self._begun = perf_counter()
        self._server = server
        self._environ = environ
        self._respond = respond
        self._method = method_of(environ.get("REQUEST_METHOD", ""))
        self._labels = (
            (semconv.HTTP_REQUEST_METHOD, self._method.name),
            (semconv.URL_SCHEME, environ.get("wsgi.url_scheme", "")),
        )
        self._is_excluded = False
        self._span: Any = None
        self._token: Any = None
        self._route: str | None = None
        self._status: int | None = None
        self._error_type: str | None = None
        self._count(1)

    def enter(self, request: Any) -> None:
        """Start the span, now that the route is known, and make it the current one.

        Args:
            request: Flask's request.
        """
        try:
            environ, server = self._environ, self._server
            if server.is_excluded is not None and server.is_excluded(wsgi_server.url_of(environ)):
                self._is_excluded = True
                who = identity.of_request(environ, wsgi_server.GETTER)
                self._token = context.attach(identity.with_identity(who))
                return
            attributes = wsgi_server.request_attributes(environ, self._method)
            if request.url_rule is not None:
                self._route = attributes[semconv.HTTP_ROUTE] = request.url_rule.rule
                name = f"{self._method.in_span_name} {self._route}"
            else:
                name = wsgi_server.default_span_name(environ, self._method)
            self._span, entered = wsgi_server.start_span(
                server.tracer, name, environ, attributes, self._begun_ns, server.request_headers
            )
            self._token = context.attach(with_tags(entered, "flask", request.endpoint, self._route))
        except Exception:
            # The request is served, whatever it is made of.
            return

    def start_response(self, status: str, headers: Any, *args: Any, **kwargs: Any) -> Any:
        """Begin the response, as the server's function of this name does."""
        if self._span is not None:
            try:
                self._answered(self._span, status, headers)
            except Exception as error:
                # The response is sent all the same.
                with suppress(Exception):
                    self._span.record_exception(error)
        return self._respond(status, headers, *args, **kwargs)

    def _answered(self, span: trace.Span, status: str, headers: list[tuple[str, str]]) -> None:
        propagators: Any = sys.modules.get("opentelemetry.instrumentation.propagators")
        propagator = propagators.get_global_response_propagator() if propagators is not None else None
        if propagator is not None:
            propagator.inject(headers, setter=_HEADER_SETTER)
        code = status.partition(" ")[0]
        try:
            self._status = int(code)
            self._error_type = set_response_status(span, self._status)
        except ValueError:
            self._error_type = code
            span.set_attribute(semconv.ERROR_TYPE, code)
            span.set_status(Status(StatusCode.ERROR, f"Non-integer HTTP status: {code}"))
        captured = self._server.response_headers
        if captured is not None and getattr(span, "kind", None) is trace.SpanKind.SERVER:
            span.set_attributes(captured.attributes(headers))

    def has_returned(self) -> None:
        """Record how long it took until the response could be sent."""
        if self._is_excluded:
            return
        try:
            took = perf_counter() - self._begun
            attributes = (
                *self._labels,
                (semconv.HTTP_RESPONSE_STATUS_CODE, self._status),
                (semconv.ERROR_TYPE, self._error_type),
                (semconv.HTTP_ROUTE, self._route),
                (semconv.NETWORK_PROTOCOL_VERSION, wsgi_server.version_of(self._environ)),
            )
            span_context = self._span.get_span_context() if self._span is not None else None
            self._server.duration.record(took, _known(attributes), span_context)
        except Exception:
            # A measurement less.
            return

    def end(self, error: Exception | None) -> None:
        """End the span: the request's context has been torn down.

        Args:
            error: What nobody has handled.
        """
        span = self._span
        if span is None:
            return
        if error is not None:
            set_exception(span, error)
        end(span)
        self._detach()

    def leave(self) -> None:
        """Leave the context: the app has returned, though the stream of its response may go on."""
        self._detach()
        self._count(-1)

    def _count(self, change: int) -> None:
        try:
            self._server.active.add(change, self._labels)
        except Exception:
            # A measurement less.
            return

    def _detach(self) -> None:
        token, self._token = self._token, None
        if token is not None:
            context.detach(token)


@lru_cache(maxsize=1024)
def _known(attributes: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
    """Return the attributes that have a value."""
    return tuple(pair for pair in attributes if pair[1])


class _HeaderSetter:
    """Adds to a response's headers."""

    def set(self, carrier: list[tuple[str, str]], key: str, value: str) -> None:
        """Add a header."""
        carrier.append((key, value))


_HEADER_SETTER = _HeaderSetter()
