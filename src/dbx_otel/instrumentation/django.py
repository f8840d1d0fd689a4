# SPDX-License-Identifier: Apache-2.0
"""Django: spans by OpenTelemetry's instrumentation, each request in a context of its own.

The instrumentation edits the settings, so it has to wait until there are some: until a handler loads its middleware.
"""

from functools import wraps
from inspect import iscoroutinefunction
from types import ModuleType
from typing import Any

_ENTERED = "_dbx_otel_entered"


def instrument(module: ModuleType) -> None:
    """Have Django instrumented right before a handler loads its middleware.

    Args:
        module: `django.core.handlers.base`.
    """
    handler = module.BaseHandler
    original = handler.load_middleware

    @wraps(original)
    def load_middleware(self: Any, *args: Any, **kwargs: Any) -> Any:
        _instrument_once()
        _serve(type(self))
        return original(self, *args, **kwargs)

    handler.load_middleware = load_middleware


def _serve(handler: Any) -> None:
    """Wrap the entry of a handler's class, once; WSGI handlers take two arguments, ASGI handlers three."""
    from dbx_otel.instrumentation import asgi, wsgi_entry

    if hasattr(handler, _ENTERED) or "__call__" not in dir(handler):
        return
    is_async = iscoroutinefunction(handler.__call__)
    handler.__call__ = asgi.serving(handler.__call__) if is_async else wsgi_entry.serving(handler.__call__)
    setattr(handler, _ENTERED, True)


def _instrument_once() -> None:
    from dbx_otel import diagnostics

    try:
        from opentelemetry.instrumentation.django import DjangoInstrumentor

        instrumentor = DjangoInstrumentor()
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument()
    except Exception as error:
        # The app starts without spans rather than not at all.
        diagnostics.say(f"django is not instrumented: {type(error).__name__}: {error}")
