# SPDX-License-Identifier: Apache-2.0
"""Server spans and metrics of ASGI apps: one span a request, in a context of the request's own.

The spans and metrics are those of opentelemetry-instrumentation-fastapi 0.66b1 with stable names and without its spans
for single messages; `tests/comparison` compares them and names each difference. A request's headers are looked at once.
"""

import sys
from collections.abc import Awaitable, Callable
from functools import cached_property, wraps
from time import perf_counter
from typing import Any

from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import SpanKind, set_span_in_context

from dbx_otel import identity, semconv
from dbx_otel._version import __version__
from dbx_otel.instrumentation import http_server
from dbx_otel.instrumentation.asgi import NATIVE, SERVED
from dbx_otel.instrumentation.incoming_context import W3C_NAMES, IncomingContext
from dbx_otel.instrumentation.starlette_routes import Routes
from dbx_otel.metrics import http as http_metrics
from dbx_otel.metrics import instruments
from dbx_otel.otlp.model import Scope

Send = Callable[[Any], Awaitable[None]]

_WANTED = frozenset([b"host", b"user-agent", b"content-length", *W3C_NAMES, *identity.ASGI_NAMES])
_REQUESTS = frozenset(["http", "websocket"])
_UNKNOWN_SERVER = ("0.0.0.0", 80)  # noqa: S104 -- nothing listens there: what the semantics give for an unknown server
_PROPAGATORS = "opentelemetry.instrumentation.propagators"
_ROUTES = "_dbx_otel_routes"
_LONGEST_NUMBER = 18
_WEBSOCKET_HAS_SENT = 200
"""Status of a WebSocket over which a message has been sent, as OpenTelemetry's instrumentations have it."""


class Hook:
    """Makes the server spans and metrics of one framework's apps.

    Args:
        framework: Name of the framework, in lower case.
        websocket_method: What the names of WebSockets' spans have in place of a method.
    """

    def __init__(self, framework: str, websocket_method: str = "") -> None:
        self._scope = Scope(f"dbx_otel.instrumentation.{framework}", __version__, http_server.SCHEMA_URL)
        self.websocket_method = websocket_method
        self.request_headers = http_server.captured_request_headers()
        self.response_headers = http_server.captured_response_headers()
        self._excluded = http_server.excluded_urls(framework.upper())
        self.incoming = IncomingContext()

    @cached_property
    def tracer(self) -> trace.Tracer:
        """The tracer."""
        return trace.get_tracer(self._scope.name, self._scope.version, schema_url=self._scope.schema_url)

    @cached_property
    def metrics(self) -> "_Metrics":
        """The metrics."""
        return _Metrics(self._scope)

    def wrap(self, call: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        """Wrap the `__call__` of an application's class.

        Args:
            call: Takes the application, scope, `receive` and `send` (ASGI specification, "Applications").
        """

        @wraps(call)
        async def serve(app: Any, scope: Any, receive: Any, send: Send) -> None:
            if SERVED in scope or not self.applies(app, scope):
                await call(app, scope, receive, send)
                return
            request = self._begin(app, scope, send)
            if request is None:
                with identity.serving():
                    await call(app, scope, receive, send)
                return
            try:
                await call(app, scope, receive, request.send)
            except Exception as error:
                request.fail(error)
                raise
            finally:
                request.leave()

        return serve

    def applies(self, app: Any, scope: Any) -> bool:  # noqa: ARG002 -- what an app is, hooks of frameworks ask
        """Tell whether a call of an app is a request."""
        return scope["type"] in _REQUESTS

    def _begin(self, app: Any, scope: Any, send: Send) -> "ServerRequest | None":
        """Begin a request; `None` where it gets no span. Never raises."""
        scope[NATIVE] = None
        try:
            fields: dict[bytes, Any] = {}
            for name, value in scope.get("headers", ()):
                lower = name.lower()
                if lower in _WANTED:
                    identity.add_field(fields, lower, value)
            if self._excluded is not None and self._excluded(_url(scope, fields)):
                scope[SERVED] = None
                return None
            request = ServerRequest(self, app, scope, fields, send)
            scope[SERVED] = request
            return request
        except Exception:
            # A request that is not as the specification has it is the app's affair, not ours.
            scope[SERVED] = None
            return None


class _Metrics:
    """The metrics of requests.

    Args:
        scope: Which library measures.
    """

    __slots__ = ("active", "duration", "request_size", "response_size")

    def __init__(self, scope: Scope) -> None:
        self.duration = http_metrics.server_request_duration(scope)
        self.active = http_metrics.server_active_requests(scope)
        self.request_size = http_metrics.server_request_body_size(scope)
        self.response_size = http_metrics.server_response_body_size(scope)


class ServerRequest:
    """One request that an app serves, from the call to the last byte of its response.

    Args:
        hook: What the framework's requests have in common.
        app: The app.
        scope: The scope.
        fields: The headers that are of interest.
        send: Sends a message to the server.
    """

    __slots__ = (
        "_app",
        "_attributes",
        "_error",
        "_error_type",
        "_expects_trailers",
        "_has_ended",
        "_hook",
        "_is_http",
        "_method",
        "_original_send",
        "_request",
        "_request_size",
        "_response_size",
        "_scope",
        "_span",
        "_started",
        "_status",
        "_token",
        "send",
    )

    def __init__(self, hook: Hook, app: Any, scope: Any, fields: dict[bytes, Any], send: Send) -> None:
        self._started = perf_counter()
        self._hook = hook
        self._app = app
        self._scope = scope
        self._original_send = send
        self._is_http = scope["type"] == "http"
        self.send = self._send_http if self._is_http else self._send_websocket
        self._error: BaseException | None = None
        self._error_type: str | None = None
        self._status: int | None = None
        self._response_size: int | None = None
        self._request_size = _number(fields.get(b"content-length"))
        self._expects_trailers = self._has_ended = False
        self._request = request = identity.Request()
        request.identity = identity.of_fields(fields, identity.ASGI_NAMES)
        self._method, self._attributes = self._describe(fields, request.identity)
        context = hook.incoming.extract(scope, fields, identity.begun(request))
        self._span = hook.tracer.start_span(self._method or "HTTP", context, SpanKind.SERVER, self._attributes)
        if self._is_http and instruments.is_recording():
            hook.metrics.active.add(1, self._active_attributes())
        self._token = attach(set_span_in_context(self._span, context))

    def _describe(self, fields: dict[bytes, Any], who: identity.Identity) -> tuple[str, dict[str, Any]]:
        """Return what the span's name begins with, and the attributes that are known at the start."""
        scope = self._scope
        address, port = scope.get("server") or _UNKNOWN_SERVER
        attributes = {semconv.URL_SCHEME: scope.get("scheme", "http"), semconv.SERVER_ADDRESS: address}
        if port:
            attributes[semconv.SERVER_PORT] = port
        if scope.get("http_version"):
            attributes[semconv.NETWORK_PROTOCOL_VERSION] = scope["http_version"]
        if scope.get("path"):
            attributes[semconv.URL_PATH] = scope["path"]
        query = scope.get("query_string")
        if query:
            attributes[semconv.URL_QUERY] = http_server.redacted_query(http_server.text_of(query))
        in_name = self._hook.websocket_method
        if scope.get("method"):
            method, original, in_name = http_server.method_of(scope["method"])
            attributes[semconv.HTTP_REQUEST_METHOD] = method
            if original is not None:
                attributes[semconv.HTTP_REQUEST_METHOD_ORIGINAL] = original
        user_agent = _first(fields.get(b"user-agent"))
        if user_agent:
            attributes[semconv.USER_AGENT_ORIGINAL], synthetic = http_server.user_agent_of(user_agent)
            if synthetic is not None:
                attributes[semconv.USER_AGENT_SYNTHETIC_TYPE] = synthetic
        http_server.client_attributes(attributes, who, *(scope.get("client") or (None, None)))
        if self._hook.request_headers is not None:
            attributes.update(self._hook.request_headers.attributes(scope["headers"]))
        return in_name, attributes

    def _active_attributes(self) -> tuple[tuple[str, Any], ...]:
        attributes = self._attributes
        return (
            (semconv.HTTP_REQUEST_METHOD, attributes.get(semconv.HTTP_REQUEST_METHOD)),
            (semconv.URL_SCHEME, attributes[semconv.URL_SCHEME]),
        )

    async def _send_http(self, message: Any) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            message = self._respond(message)
        await self._original_send(message)
        if kind == "http.response.body":
            if not self._expects_trailers and not message.get("more_body", False):
                self._end()
        elif kind == "http.response.pathsend" or (
            kind == "http.response.trailers" and not message.get("more_trailers", False)
        ):
            self._end()

    async def _send_websocket(self, message: Any) -> None:
        kind = message["type"]
        if kind == "websocket.send" and self._status is None:
            self._status = _WEBSOCKET_HAS_SENT
            self._span.set_attribute(semconv.HTTP_RESPONSE_STATUS_CODE, _WEBSOCKET_HAS_SENT)
        elif "headers" in message:
            self._show_headers(message)
        await self._original_send(message)

    def _respond(self, message: Any) -> Any:
        """Note how a response begins, and return the message that says so to the server. Never raises."""
        try:
            self._expects_trailers = message.get("trailers", False)
            self._status = int(message["status"])
            self._error_type = http_server.set_response_status(self._span, self._status)
            for name, value in message.get("headers", ()):
                if name.lower() == b"content-length":
                    self._response_size = _number(value)
            self._name()
            if self._hook.response_headers is not None:
                self._show_headers(message)
            return self._with_trace(message) if _PROPAGATORS in sys.modules else message
        except Exception:
            # A response that is not as the specification has it is the server's affair, not ours.
            return message

    def _show_headers(self, message: Any) -> None:
        if self._hook.response_headers is not None:
            self._span.set_attributes(self._hook.response_headers.attributes(message.get("headers", ())))

    def _with_trace(self, message: Any) -> Any:
        """Return a response's first message with the headers of the response propagator, if the app has set one."""
        propagator = sys.modules[_PROPAGATORS].get_global_response_propagator()
        if propagator is None:
            return message
        added: list[tuple[bytes, bytes]] = []
        propagator.inject(added, context=set_span_in_context(self._span), setter=_HEADER_SETTER)
        return {**message, "headers": [*message.get("headers", ()), *added]}

    def _name(self) -> None:
        """Name the span by the route, which the app has found meanwhile. Never raises."""
        try:
            routes = getattr(self._app, _ROUTES, None)
            if routes is None:
                routes = Routes()
                setattr(self._app, _ROUTES, routes)
            route = routes.template(self._app, self._scope)
        except Exception:
            # Routes are the app's own code.
            return
        if route:
            self._attributes[semconv.HTTP_ROUTE] = route
            self._span.set_attribute(semconv.HTTP_ROUTE, route)
            self._span.update_name(f"{self._method} {route}" if self._method else route)

    def fail(self, error: BaseException) -> None:
        """Note an exception that nobody has handled, once. Never raises."""
        if self._has_ended or error is self._error:
            return
        self._error = error
        try:
            http_server.set_exception(self._span, error)
        except Exception:
            # An exception that cannot even be written as text.
            return

    def leave(self) -> None:
        """End what has not ended, and leave the request's context."""
        self._end()
        self._request.has_ended = True
        detach(self._token)

    def _end(self) -> None:
        """End the span and record the metrics, once."""
        if self._has_ended:
            return
        self._has_ended = True
        if not self._is_http or self._status is None:
            self._name()
        if self._is_http and instruments.is_recording():
            self._measure()
        self._span.end()

    def _measure(self) -> None:
        metrics = self._hook.metrics
        metrics.active.add(-1, self._active_attributes())
        attributes = self._duration_attributes()
        context = self._span.get_span_context()
        metrics.duration.record(perf_counter() - self._started, attributes, context)
        if self._response_size:
            metrics.response_size.record(self._response_size, attributes, context)
        if self._request_size is not None:
            metrics.request_size.record(self._request_size, attributes, context)

    def _duration_attributes(self) -> tuple[tuple[str, Any], ...]:
        found = self._attributes
        attributes = [
            (semconv.HTTP_REQUEST_METHOD, found.get(semconv.HTTP_REQUEST_METHOD)),
            (semconv.URL_SCHEME, found[semconv.URL_SCHEME]),
            (semconv.NETWORK_PROTOCOL_VERSION, found.get(semconv.NETWORK_PROTOCOL_VERSION)),
        ]
        if semconv.HTTP_ROUTE in found:
            attributes.append((semconv.HTTP_ROUTE, found[semconv.HTTP_ROUTE]))
        if self._status is not None:
            attributes.append((semconv.HTTP_RESPONSE_STATUS_CODE, self._status))
        if self._error_type is not None:
            attributes.append((semconv.ERROR_TYPE, self._error_type))
        return tuple(attributes)


class _HeaderSetter:
    """Adds a header to those of a response."""

    def set(self, carrier: list[tuple[bytes, bytes]], key: str, value: str) -> None:
        carrier.append((key.lower().encode(), value.encode()))


_HEADER_SETTER = _HeaderSetter()


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value


def _number(value: Any) -> int | None:
    """Return what a header says, where it is a number."""
    value = _first(value)
    return int(value) if value is not None and len(value) <= _LONGEST_NUMBER and value.isdigit() else None


def _url(scope: Any, fields: dict[bytes, Any]) -> str:
    """Return the URL of a request, without the query, as patterns of excluded ones have it."""
    address, port = scope.get("server") or _UNKNOWN_SERVER
    header = _first(fields.get(b"host"))
    host = http_server.host_of(header and http_server.text_of(header), f"{address}:{port}".removesuffix(":80"))
    return f"{scope.get('scheme', 'http')}://{host}{scope.get('path', '')}"
