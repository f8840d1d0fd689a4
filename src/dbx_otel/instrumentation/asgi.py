# SPDX-License-Identifier: Apache-2.0
"""ASGI apps: one span a request, and the person's address on it.

OpenTelemetry's middleware makes a span more for each message sent, unless told not to: FastAPI's instrumentor can tell
it, Starlette's cannot.
"""

from functools import wraps
from types import ModuleType
from typing import Any

from dbx_otel.instrumentation.request_attributes import correct_request_attributes


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
