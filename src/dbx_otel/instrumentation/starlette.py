# SPDX-License-Identifier: Apache-2.0
"""Starlette apps: server spans and metrics, whatever middleware is added and whatever app is mounted."""

import sys
from functools import wraps
from types import ModuleType
from typing import Any

from dbx_otel.instrumentation.asgi import SERVED
from dbx_otel.instrumentation.asgi_request import ServerRequest
from dbx_otel.instrumentation.asgi_server import Hook
from dbx_otel.instrumentation.post_import import when_imported

IS_INSTRUMENTED = "_is_instrumented_by_opentelemetry"
"""Attribute by which OpenTelemetry's instrumentors know an app that has spans already."""

_RECORDS = "_dbx_otel_records"


def instrument(module: ModuleType) -> None:
    """Wrap the entry of every application.

    Args:
        module: `starlette.applications`.
    """
    starlette = module.Starlette
    starlette.__call__ = _StarletteHook("starlette").wrap(starlette.__call__)
    setattr(starlette, IS_INSTRUMENTED, True)
    when_imported("fastapi", _leave_to_others)
    record_exceptions()


def _leave_to_others(fastapi: ModuleType) -> None:
    """Have FastAPI's applications, which are Starlette's too, not pass for instrumented where no hook of ours is."""
    if IS_INSTRUMENTED not in vars(fastapi.FastAPI):
        setattr(fastapi.FastAPI, IS_INSTRUMENTED, False)


class _StarletteHook(Hook):
    def applies(self, app: Any) -> bool:
        """Leave FastAPI's applications, which are Starlette's too, to their own hook or to none."""
        fastapi = sys.modules.get("fastapi.applications")
        return fastapi is None or not isinstance(app, fastapi.FastAPI)


def record_exceptions() -> None:
    """Have exceptions that no handler takes put on the span before the page that tells of them ends it."""
    middleware = sys.modules["starlette.middleware.errors"].__dict__["ServerErrorMiddleware"]
    if hasattr(middleware, _RECORDS):
        return
    original = middleware.__init__

    @wraps(original)
    def init(self: Any, app: Any, *args: Any, **kwargs: Any) -> None:
        original(self, _RecordExceptions(app), *args, **kwargs)

    middleware.__init__ = init
    setattr(middleware, _RECORDS, True)


class _RecordExceptions:
    """Middleware that sees exceptions before the server's error page is made.

    Args:
        app: The application.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            request = scope.get(SERVED)
            if isinstance(request, ServerRequest):
                request.fail(error)
            raise
