# SPDX-License-Identifier: Apache-2.0
"""ASGI apps: one span a request, and the person's address on it.

OpenTelemetry's middleware makes a span more for each message sent, unless told not to (FastAPI's instrumentor can tell
it, Starlette's cannot), and writes the proxy's address over the one that the span was started with.
"""

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from dbx_otel import identity


def instrument(module: ModuleType) -> None:
    """Change the middleware's defaults.

    Args:
        module: `opentelemetry.instrumentation.asgi`.
    """
    middleware = module.OpenTelemetryMiddleware
    original = middleware.__init__

    @wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("exclude_spans") is None:
            kwargs["exclude_spans"] = ["receive", "send"]
        kwargs["server_request_hook"] = _stamping(kwargs.get("server_request_hook"))
        original(self, *args, **kwargs)

    middleware.__init__ = init


def _stamping(hook: Callable[[Any, Any], None] | None) -> Callable[[Any, Any], None]:
    def server_request_hook(span: Any, scope: Any) -> None:
        identity.stamp(span)
        if hook is not None:
            hook(span, scope)

    return server_request_hook
