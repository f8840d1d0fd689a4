# SPDX-License-Identifier: Apache-2.0
"""ASGI apps that use OpenTelemetry's middleware: one span a request, in a context of the request's own.

The middleware makes a span more for each message sent, unless told not to, and takes the proxy for the person.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from types import ModuleType
from typing import Any

from dbx_otel import identity
from dbx_otel.instrumentation.request_attributes import correct_request_attributes

SERVED = "dbx_otel.served"
"""Key in the scope of a request that has begun: an app inside of an app works for the same one."""

NATIVE = "fastapi.telemetry"
"""Key in the scope by which FastAPI 0.165 and later know a request that has their telemetry, or is to have none."""


def instrument(module: ModuleType) -> None:
    """Change the middleware's defaults.

    Args:
        module: `opentelemetry.instrumentation.asgi`.
    """
    correct_request_attributes(module, module.asgi_getter)
    middleware = module.OpenTelemetryMiddleware
    original = middleware.__init__

    @wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("exclude_spans") is None:
            kwargs["exclude_spans"] = ["receive", "send"]
        original(self, *args, **kwargs)

    middleware.__init__ = init
    middleware.__call__ = serving(middleware.__call__)


def serving(call: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Wrap the `__call__` of an ASGI application's class: each request in a context of its own.

    Args:
        call: Takes the application, scope, `receive` and `send` (ASGI specification, "Applications").
    """

    @wraps(call)
    async def serve(self: Any, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in {"http", "websocket"} or SERVED in scope:
            await call(self, scope, receive, send)
            return
        scope[SERVED] = True
        scope[NATIVE] = None
        with identity.serving():
            await call(self, scope, receive, send)

    return serve
