# SPDX-License-Identifier: Apache-2.0
"""An app that makes telemetry of its own: the SDK starts when it asks for a provider.

Not when it imports the API: that import may be nested in another module of OpenTelemetry's that is not complete yet.
"""

from functools import wraps
from types import ModuleType
from typing import Any

from dbx_otel.instrumentation import lifecycle

_GETTERS = ("get_tracer_provider", "get_meter_provider", "get_logger_provider")


def instrument(module: ModuleType) -> None:
    """Start the SDK before a provider is handed out.

    Args:
        module: The API module that holds one of the three getters.
    """
    for name in _GETTERS:
        original = getattr(module, name, None)
        if original is not None:
            setattr(module, name, _starting(original))


def _starting(original: Any) -> Any:
    @wraps(original)
    def get_provider() -> Any:
        lifecycle.start_sdk()
        return original()

    return get_provider
