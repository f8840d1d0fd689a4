# SPDX-License-Identifier: Apache-2.0
"""Server spans and metrics of ASGI apps: one span a request, in a context of the request's own.

The spans and metrics are those of opentelemetry-instrumentation-fastapi 0.66b1 with stable names and without its spans
for single messages; `tests/comparison` compares them and names each difference.
"""

from collections.abc import Awaitable, Callable
from functools import cached_property, wraps
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context

from dbx_otel import identity
from dbx_otel._version import __version__
from dbx_otel.instrumentation import http_server
from dbx_otel.instrumentation.asgi import NATIVE, SERVED
from dbx_otel.instrumentation.asgi_request import UNKNOWN_SERVER, Send, ServerRequest, first
from dbx_otel.instrumentation.incoming_context import W3C_NAMES, IncomingContext
from dbx_otel.metrics import http as http_metrics
from dbx_otel.otlp.model import Scope

_WANTED = frozenset([b"host", b"user-agent", b"content-length", *W3C_NAMES, *identity.ASGI_NAMES])
"""The headers of interest: a request's are looked at once."""
_REQUESTS = frozenset(["http", "websocket"])


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
            if scope["type"] == "lifespan":
                self.on_lifespan(app)
            if scope["type"] not in _REQUESTS or SERVED in scope or not self.applies(app):
                await call(app, scope, receive, send)
                return
            request = self._begin(app, scope, send)
            if request is None:
                with identity.serving(_person(scope)):
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

    def applies(self, app: Any) -> bool:  # noqa: ARG002 -- what kind of app it is, frameworks' hooks ask
        """Tell whether an app is this hook's."""
        return True

    def on_lifespan(self, app: Any) -> None:
        """Do what is to be done before an app starts. Must not raise."""

    def _begin(self, app: Any, scope: Any, send: Send) -> ServerRequest | None:
        """Begin a request; `None` where it gets no span. Never raises."""
        scope[NATIVE] = None
        try:
            fields = _fields(scope)
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


def _fields(scope: Any) -> dict[bytes, Any]:
    """Return the headers of a request that are of interest."""
    fields: dict[bytes, Any] = {}
    for name, value in scope.get("headers", ()):
        lower = name.lower()
        if lower not in _WANTED:
            continue
        if lower in fields:
            identity.add_field(fields, lower, value)
        else:
            fields[lower] = value
    return fields


def _person(scope: Any) -> Context | None:
    """Return a context with the person behind a request that gets no span, whose log records have one. Never raises."""
    try:
        return identity.with_identity(identity.of_fields(_fields(scope), identity.ASGI_NAMES), Context())
    except Exception:
        # A request that is not as the specification has it.
        return None


def _url(scope: Any, fields: dict[bytes, Any]) -> str:
    """Return the URL of a request, without the query, as patterns of excluded ones have it."""
    address, port = scope.get("server") or UNKNOWN_SERVER
    header = first(fields.get(b"host"))
    host = http_server.host_of(header and http_server.text_of(header), f"{address}:{port}".removesuffix(":80"))
    return f"{scope.get('scheme', 'http')}://{host}{scope.get('path', '')}"
