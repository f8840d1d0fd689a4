# SPDX-License-Identifier: Apache-2.0
"""Puts the distribution together, when the first thing happens that telemetry could come of.

Importing this package loads nothing of OpenTelemetry: `start` does.
"""

from __future__ import annotations

import os
from _thread import allocate_lock, get_ident

_longest_wait = 10.0
"""Seconds that a log record waits for another thread to have started the SDK; once in vain, no other does."""

_lock = allocate_lock()
_starter: int | None = None
_done = False
_failed = False


def begin() -> None:
    """Wait for the libraries of the catalog; the first that telemetry can come of starts the SDK. Imports none."""
    from dbx_otel.instrumentation import attach, lifecycle

    lifecycle.start_with(_start_from_hook)
    lifecycle.prepare_logs_with(_prepare_logs)
    attach.watch()


def start(*, wait: bool) -> bool:
    """Start the SDK, once a process. Never raises.

    Args:
        wait: Whether to wait where another thread is at it. An import hook must not: it holds the import lock of a
            module that the other thread may need. Instrumentations work before the SDK does, so it need not either.

    Returns:
        False where it is known that the SDK could not be started, which has been reported.
    """
    global _starter, _done, _failed, _longest_wait  # noqa: PLW0603 -- one process has one distribution
    if _done or _starter == get_ident():
        return not _failed
    if not _lock.acquire(timeout=_longest_wait if wait else 0.0):
        if wait:
            _longest_wait = 0.0
        return not _failed
    try:
        if not _done:
            _starter = get_ident()
            _failed = not _configure_reporting_failure()
            _done = True
    finally:
        _starter = None
        _lock.release()
    return not _failed


def _in_child() -> None:
    """Free a forked child of what another thread of its parent was at."""
    global _lock, _starter, _done, _failed  # noqa: PLW0603 -- one process has one distribution
    _lock = allocate_lock()
    if _starter is None or _starter == get_ident():
        return
    # Not begun anew: modules that the other thread was importing stay locked in the child for ever, and so would be
    # whoever imports them here.
    _starter, _done, _failed = None, True, True
    from dbx_otel import diagnostics

    diagnostics.say(
        f"telemetry is off in process {os.getpid()}, the app is not touched: it was forked while another thread of its "
        f"parent started OpenTelemetry. Remedy: fork before other threads begin, or log one line before that"
    )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def _start_from_hook() -> bool:
    return start(wait=False)


def _configure_reporting_failure() -> bool:
    try:
        from dbx_otel.distro.propagation import import_propagators

        import_propagators()
        from dbx_otel.distro.configure import configure

        configure()
    except Exception as error:
        from dbx_otel import diagnostics

        diagnostics.say(
            f"telemetry is off, the app is not touched: {type(error).__name__}: {error}. "
            f"Remedy: report this with what `dbx-otel-run --explain` shows"
        )
        return False
    return True


def _prepare_logs() -> None:
    from dbx_otel.distro import log_capture

    log_capture.prepare()
