# SPDX-License-Identifier: Apache-2.0
"""What is done about telemetry makes no telemetry."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context


@contextmanager
def suppressed() -> Iterator[None]:
    """Keep instrumentations, ours and OpenTelemetry's, from all that this thread does meanwhile."""
    current = context.get_current()
    # By name as well: instrumentations older than the keys look for that.
    for key in (
        context._SUPPRESS_INSTRUMENTATION_KEY,  # noqa: SLF001 -- what OpenTelemetry's exporters use; there is no other
        context._SUPPRESS_HTTP_INSTRUMENTATION_KEY,  # noqa: SLF001 -- as above
        "suppress_instrumentation",
    ):
        current = context.set_value(key, True, current)
    token = context.attach(current)
    try:
        yield
    finally:
        context.detach(token)
