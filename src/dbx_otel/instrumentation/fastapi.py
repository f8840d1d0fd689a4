# SPDX-License-Identifier: Apache-2.0
"""FastAPI apps: server spans and metrics, spans of background tasks, and no second telemetry by FastAPI itself."""

import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from types import ModuleType
from typing import Any

from opentelemetry.context import attach
from opentelemetry.trace import Span, set_span_in_context

from dbx_otel import identity
from dbx_otel.instrumentation import starlette
from dbx_otel.instrumentation.asgi_server import Hook
from dbx_otel.instrumentation.http_server import end, set_exception


def instrument(module: ModuleType) -> None:
    """Wrap the entry of every application, and the call of background tasks.

    Args:
        module: `fastapi`.
    """
    hook = _FastAPIHook("fastapi", websocket_method="HTTP")
    fastapi = module.FastAPI
    fastapi.__call__ = hook.wrap(fastapi.__call__)
    setattr(fastapi, starlette.IS_INSTRUMENTED, True)
    starlette.record_exceptions()
    task = sys.modules["starlette.background"].__dict__["BackgroundTask"]
    task.__call__ = _traced(hook, task.__call__)


class _FastAPIHook(Hook):
    def on_lifespan(self, app: Any) -> None:
        """Keep FastAPI 0.165 and later from sending everything a second time."""
        settings = getattr(app, "_telemetry", None)
        if isinstance(settings, dict):
            settings["auto_configure"] = False


def _traced(hook: Hook, call: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @wraps(call)
    async def run(self: Any) -> None:
        span = _start(hook, self)
        if span is None:
            await call(self)
            return
        token = attach(set_span_in_context(span))
        try:
            await call(self)
        except Exception as error:
            set_exception(span, error)
            raise
        finally:
            end(span)
            identity.leave(token)

    return run


def _start(hook: Hook, task: Any) -> Span | None:
    """Start the span of a background task; `None` where that cannot be done. Never raises."""
    try:
        function = task.func
        name = getattr(function, "__name__", type(function).__name__)
        return hook.tracer.start_span(f"BackgroundTask {name}")
    except Exception:
        # The task runs all the same.
        return None
