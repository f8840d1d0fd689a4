# SPDX-License-Identifier: Apache-2.0
"""Each part of the distribution is set up apart: one that fails says so and leaves the others alone."""

import os
from collections.abc import Callable
from typing import TypeVar

from dbx_otel import diagnostics
from dbx_otel.setting_kinds import public_address

T = TypeVar("T")

_VARIABLES = {
    "traces": ("OTEL_BSP_", "OTEL_TRACES_", "OTEL_SPAN_"),
    "metrics": ("OTEL_METRIC_", "OTEL_METRICS_"),
    "log records over OTLP": ("OTEL_BLRP_", "OTEL_LOGRECORD_"),
    "all signals over OTLP": ("OTEL_BSP_", "OTEL_BLRP_", "OTEL_METRIC_", "OTEL_EXPORTER_OTLP_"),
}
"""How the variables begin that are read for a part."""

_SECRET = ("HEADERS", "KEY", "TOKEN")


def apart(what: str, set_up: Callable[[], T]) -> T | None:
    """Set one part up; where that fails a line says what to do.

    Args:
        what: What the line calls the part.
        set_up: Sets it up.

    Returns:
        What setting it up returns, or `None` where it failed.
    """
    try:
        return set_up()
    except Exception as error:
        suspects = [name for name in sorted(os.environ) if name.startswith(_VARIABLES.get(what, ()))]
        shown = [name for name in suspects if not any(part in name for part in _SECRET)]
        given = ", ".join(f"{name}={_public(name, os.environ[name])[:100]!r}" for name in shown)
        remedy = f"look at {given}" if given else "report this with what `dbx-otel-run --explain` shows"
        why = f"{type(error).__name__}: {str(error).rstrip('.')}"
        diagnostics.say(f"{what} are off, everything else goes on: {why}. Remedy: {remedy}")
        return None


def _public(name: str, value: str) -> str:
    """Return a value as a line may show it: an address may have a password."""
    return public_address(value) if name.endswith("ENDPOINT") else value
