# SPDX-License-Identifier: Apache-2.0
"""Django: spans by OpenTelemetry's instrumentation, each request in a context of its own.

The instrumentation edits the settings, so it has to wait until there are some: until a handler loads its middleware.
"""

import sys
from functools import wraps
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
        return original(self, *args, **kwargs)

    handler.load_middleware = load_middleware


def _serve() -> None:
    """Wrap the entries of the two handlers that servers call, once each; those of Django's test clients differ."""
    from dbx_otel.instrumentation import asgi, wsgi_entry

    for module, name, serving in (
        ("django.core.handlers.wsgi", "WSGIHandler", wsgi_entry.serving),
        ("django.core.handlers.asgi", "ASGIHandler", asgi.serving),
    ):
        handler = getattr(sys.modules.get(module), name, None)
        if handler is not None and not hasattr(handler, _ENTERED):
            handler.__call__ = serving(handler.__call__)
            setattr(handler, _ENTERED, True)


def _instrument_once() -> None:
    from dbx_otel import diagnostics

    try:
        from opentelemetry.instrumentation.django import DjangoInstrumentor

        instrumentor = DjangoInstrumentor()
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument()
        _serve()
    except Exception as error:
        # The app starts without spans rather than not at all.
        diagnostics.say(f"django is not instrumented: {type(error).__name__}: {error}")
