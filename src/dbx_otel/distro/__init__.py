# SPDX-License-Identifier: Apache-2.0
"""Puts the distribution together, when the first thing happens that telemetry could come of.

Importing this package loads nothing of OpenTelemetry: `start` does.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

_lock = allocate_lock()
_started = False
_disabled: frozenset[str] | None = None


def start(*, wait: bool) -> None:
    """Start the SDK, once a process. Never raises.

    Args:
        wait: Whether to wait where another thread is at it. An import hook must not: it holds the import lock of a
            module that the other thread may need. Instrumentations work before the SDK does, so it need not either.
    """
    global _started  # noqa: PLW0603 -- one process has one distribution
    if _started or not _lock.acquire(timeout=10 if wait else 0.0):
        return
    try:
        if not _started:
            _started = True
            _start_reporting_failure()
    finally:
        _lock.release()


def _start_reporting_failure() -> None:
    try:
        from dbx_otel.distro.configure import configure

        configure()
    except Exception as error:
        from dbx_otel import diagnostics

        diagnostics.say(
            f"telemetry is off, the app is not touched: {type(error).__name__}: {error}. "
            f"Remedy: report this with what `dbx-otel-run --explain` shows"
        )


def disables(name: str) -> bool:
    """Tell whether the settings leave an instrumentation out.

    Args:
        name: Name of the instrumentation in the catalog.
    """
    global _disabled  # noqa: PLW0603 -- read once
    if _disabled is None:
        names = ",".join(
            os.environ.get(variable, "")
            for variable in ("DBX_OTEL_DISABLED_INSTRUMENTATIONS", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS")
        )
        _disabled = frozenset(part.strip() for part in names.split(","))
    return name in _disabled or "*" in _disabled
