# SPDX-License-Identifier: Apache-2.0
"""Django's instrumentor edits the settings, so it has to wait until there are settings: until middleware is loaded."""

from functools import wraps
from types import ModuleType
from typing import Any


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
