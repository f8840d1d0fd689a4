# SPDX-License-Identifier: Apache-2.0
"""An app that makes telemetry of its own: the SDK starts when it asks for a provider, or sets one.

Not when it imports the API: that import may be nested in another module of OpenTelemetry's that is not complete yet.
"""

from functools import wraps
from types import ModuleType
from typing import Any

from dbx_otel import diagnostics
from dbx_otel.instrumentation import lifecycle

_KINDS = ("tracer", "meter", "logger")


def instrument(module: ModuleType) -> None:
    """Start the SDK before a provider is handed out or set.

    Args:
        module: The API module that holds the provider of one signal.
    """
    for kind in _KINDS:
        getter = getattr(module, f"get_{kind}_provider", None)
        if getter is not None:
            setattr(module, f"get_{kind}_provider", _starting(getter))
            setter = f"set_{kind}_provider"
            setattr(module, setter, _keeping(module, kind, getattr(module, setter)))


def _starting(getter: Any) -> Any:
    @wraps(getter)
    def get_provider() -> Any:
        lifecycle.start_sdk()
        return getter()

    return get_provider


def _keeping(module: ModuleType, kind: str, setter: Any) -> Any:
    """Keep the provider that is set, as OpenTelemetry does, but say what follows from it."""

    @wraps(setter)
    def set_provider(provider: Any) -> None:
        lifecycle.start_sdk()
        if getattr(module, f"_{kind.upper()}_PROVIDER", None) is None:
            setter(provider)
            return
        diagnostics.say(
            f"the app sets a {kind} provider of its own ({type(provider).__module__}.{type(provider).__qualname__}), "
            f"which is not used: that of dbx-otel is set already, and what the app records goes where dbx-otel sends. "
            f"Remedy: name the app's destination in OTEL_EXPORTER_OTLP_ENDPOINT or DBX_OTEL_OTLP_ENDPOINT, or set "
            f"DBX_OTEL_ENABLED=false"
        )

    return set_provider
