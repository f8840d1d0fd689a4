# SPDX-License-Identifier: Apache-2.0
"""Calls that want no telemetry, by the keys that OpenTelemetry's instrumentations and exporters use."""

from opentelemetry.context import (
    _SUPPRESS_HTTP_INSTRUMENTATION_KEY,
    _SUPPRESS_INSTRUMENTATION_KEY,
    Context,
    get_current,
)

HTTP_KEY = _SUPPRESS_HTTP_INSTRUMENTATION_KEY
"""Key in the context of a call whose span is there already: what it is made by below makes none."""

_PLAIN_KEY = "suppress_instrumentation"


def is_suppressed(context: Context | None = None) -> bool:
    """Tell whether a call in a context gets no span.

    Args:
        context: The context; the current one if `None`.
    """
    if context is None:
        context = get_current()
    return bool(
        context and (context.get(HTTP_KEY) or context.get(_SUPPRESS_INSTRUMENTATION_KEY) or context.get(_PLAIN_KEY))
    )
