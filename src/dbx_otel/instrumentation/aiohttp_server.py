# SPDX-License-Identifier: Apache-2.0
"""aiohttp servers: OpenTelemetry's middleware, once a request and inside the request's context.

Its own instrumentor makes a second server span in sub-applications, fails on a tuple of middlewares, and does not
attach the context it extracts, so that nothing made inside the handler would know the person.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from types import ModuleType
from typing import Any

from opentelemetry import context, propagate
from opentelemetry.instrumentation import aiohttp_server as contrib

from dbx_otel import identity

_TRACED = "dbx_otel.traced"


def instrument(module: ModuleType) -> None:
    """Put the tracing middleware in front of those of every application.

    Args:
        module: `aiohttp.web`.
    """
    application = module.Application
    contrib.AioHttpServerInstrumentor().instrument(raise_exception_on_conflict=True)
    vars(module)["Application"] = application
    tracing = _middleware(module, contrib.create_aiohttp_middleware())
    original = application.__init__

    @wraps(original)
    def init(self: Any, *args: Any, middlewares: Any = (), **kwargs: Any) -> None:
        original(self, *args, middlewares=[tracing, *middlewares], **kwargs)

    application.__init__ = init


def _middleware(module: ModuleType, traced: Any) -> Any:
    async def middleware(request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        if request.get(_TRACED):
            return await handler(request)
        request[_TRACED] = True
        with identity.serving():
            token = context.attach(propagate.extract(request, getter=contrib.getter))
            try:
                return await traced(request, handler)
            finally:
                context.detach(token)

    return module.middleware(middleware)
