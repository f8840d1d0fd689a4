# SPDX-License-Identifier: Apache-2.0
"""One request to an ASGI app: its span, its context and its measurements, from the first byte to the last."""

import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any

from opentelemetry.context import attach
from opentelemetry.trace import SpanKind, set_span_in_context

from dbx_otel import identity, semconv
from dbx_otel.instrumentation import http_server
from dbx_otel.instrumentation.asgi import SERVED
from dbx_otel.instrumentation.starlette_routes import Routes
from dbx_otel.metrics import instruments

if TYPE_CHECKING:
    from dbx_otel.instrumentation.asgi_server import Hook

Send = Callable[[Any], Awaitable[None]]

UNKNOWN_SERVER = ("0.0.0.0", 80)  # noqa: S104 -- nothing listens there: what contrib says where a server tells nothing
_PROPAGATORS = "opentelemetry.instrumentation.propagators"
_ROUTES = "_dbx_otel_routes"
_LONGEST_NUMBER = 18
_WEBSOCKET_HAS_SENT = 200
"""Status of a WebSocket over which a message has been sent, as OpenTelemetry's instrumentations have it."""


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
        "_active",
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
    )

    def __init__(self, hook: "Hook", app: Any, scope: Any, fields: dict[bytes, Any], send: Send) -> None:
        self._started = perf_counter()
        self._hook = hook
        self._app = app
        self._scope = scope
        self._original_send = send
        self._is_http = scope["type"] == "http"
        self._error: BaseException | None = None
        self._error_type: str | None = None
        self._status: int | None = None
        self._response_size: int | None = None
        self._request_size = _number(fields.get(b"content-length"))
        self._expects_trailers = self._has_ended = False
        self._request = request = identity.Request()
        request.identity = identity.of_fields(fields, identity.ASGI_NAMES)
        self._method, self._attributes = self._describe(fields, request.identity)
        self._active = (
            (semconv.HTTP_REQUEST_METHOD, self._attributes.get(semconv.HTTP_REQUEST_METHOD)),
            (semconv.URL_SCHEME, self._attributes[semconv.URL_SCHEME]),
        )
        context = hook.incoming.extract(scope, fields, identity.begun(request))
        self._span = hook.tracer.start_span(self._method or "HTTP", context, SpanKind.SERVER, self._attributes)
        if self._is_http and instruments.is_recording():
            hook.metrics.active.add(1, self._active)
        self._token = attach(set_span_in_context(self._span, context))

    def _describe(self, fields: dict[bytes, Any], who: identity.Identity) -> tuple[str, dict[str, Any]]:
        """Return what the span's name begins with, and the attributes that are known at the start."""
        scope = self._scope
        address, port = scope.get("server") or UNKNOWN_SERVER
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
        if self._is_http:
            method, original, in_name = http_server.method_of(scope.get("method", ""))
            attributes[semconv.HTTP_REQUEST_METHOD] = method
            if original:
                attributes[semconv.HTTP_REQUEST_METHOD_ORIGINAL] = original
        user_agent = first(fields.get(b"user-agent"))
        if user_agent:
            attributes[semconv.USER_AGENT_ORIGINAL], synthetic = http_server.user_agent_of(user_agent)
            if synthetic is not None:
                attributes[semconv.USER_AGENT_SYNTHETIC_TYPE] = synthetic
        http_server.client_attributes(attributes, who, *(scope.get("client") or (None, None)))
        if self._hook.request_headers is not None:
            attributes.update(self._hook.request_headers.attributes(scope["headers"]))
        return in_name, attributes

    @property
    def send(self) -> Send:
        """Sends a message to the server, and notes what it says."""
        # Not kept: what refers to itself is not freed before the garbage collector runs.
        return self._send_http if self._is_http else self._send_websocket

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
        if message["type"] == "websocket.send" and self._status is None:
            self._status = _WEBSOCKET_HAS_SENT
            with suppress(Exception):  # a span may be the app's own code
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
            self._show_headers(message)
            return self._with_trace(message) if _PROPAGATORS in sys.modules else message
        except Exception:
            # A response that is not as the specification has it is the server's affair, not ours.
            return message

    def _show_headers(self, message: Any) -> None:
        """Put the headers of a message that are wanted on the span. Never raises."""
        if self._hook.response_headers is None:
            return
        with suppress(Exception):  # headers that are none are the server's affair, not ours
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
            if route:
                self._attributes[semconv.HTTP_ROUTE] = route
                self._span.set_attribute(semconv.HTTP_ROUTE, route)
                self._span.update_name(f"{self._method} {route}" if self._method else route)
        except Exception:
            # Routes are the app's own code, and spans may be.
            return

    def fail(self, error: BaseException) -> None:
        """Note an exception that nobody has handled, once. Never raises."""
        if self._has_ended or error is self._error:
            return
        self._error = error
        http_server.set_exception(self._span, error)

    def leave(self) -> None:
        """End what has not ended, and leave the request's context. Never raises."""
        self._end()
        self._request.has_ended = True
        identity.leave(self._token)
        # As above: the scope refers to the request, and the error to all that its frames held.
        self._scope[SERVED] = self._error = None

    def _end(self) -> None:
        """End the span and record the metrics, once. Never raises."""
        if self._has_ended:
            return
        self._has_ended = True
        if not self._is_http or self._status is None:
            self._name()
        try:
            if self._is_http and instruments.is_recording():
                self._measure()
        except Exception:
            # A measurement less.
            pass
        http_server.end(self._span)

    def _measure(self) -> None:
        metrics = self._hook.metrics
        metrics.active.add(-1, self._active)
        attributes = self._duration_attributes()
        context = self._span.get_span_context()
        metrics.duration.record(perf_counter() - self._started, attributes, context)
        if self._response_size:
            metrics.response_size.record(self._response_size, attributes, context)
        if self._request_size is not None:
            metrics.request_size.record(self._request_size, attributes, context)

    def _duration_attributes(self) -> tuple[tuple[str, Any], ...]:
        found = self._attributes
        known = (semconv.NETWORK_PROTOCOL_VERSION, semconv.HTTP_ROUTE)
        attributes = [*self._active, *[(name, found[name]) for name in known if name in found]]
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


def first(value: Any) -> Any:
    """Return the value of a header, the first if it was sent more than once."""
    return value[0] if isinstance(value, list) else value


def _number(value: Any) -> int | None:
    """Return what a header says, where it is a number."""
    value = first(value)
    return int(value) if value is not None and len(value) <= _LONGEST_NUMBER and value.isdigit() else None
