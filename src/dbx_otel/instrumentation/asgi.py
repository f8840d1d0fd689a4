# SPDX-License-Identifier: Apache-2.0
"""One span a request: OpenTelemetry's ASGI middleware makes three, one for each message sent, unless told not to.

FastAPI's instrumentor can be told, Starlette's cannot: the middleware itself is told here, for both.
"""

from functools import wraps
from types import ModuleType
from typing import Any


def instrument(module: ModuleType) -> None:
    """Make `exclude_spans=["receive", "send"]` the middleware's default.

    Args:
        module: `opentelemetry.instrumentation.asgi`.
    """
    middleware = module.OpenTelemetryMiddleware
    original = middleware.__init__

    @wraps(original)
    def with_one_span(self: Any, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("exclude_spans") is None:
            kwargs["exclude_spans"] = ["receive", "send"]
        original(self, *args, **kwargs)

    middleware.__init__ = with_one_span
