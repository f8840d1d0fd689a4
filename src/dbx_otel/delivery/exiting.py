# SPDX-License-Identifier: Apache-2.0
"""Sends what is queued when the process ends, whichever way it ends, and never holds it up beyond a deadline.

OpenTelemetry's SDK flushes in `atexit` handlers, one signal after the other, for as long as the exporters retry: with
the collector gone that is longer than the platform waits, and a process that ends by a signal does not run them at all.
"""

import atexit
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from dbx_otel import diagnostics
from dbx_otel.delivery import standby

Flush = Callable[[], object]

_flushes: list[tuple[str, Flush, standby.Standby | None]] = []
_deadline = 5.0
_began: float | None = None
_SAME_EXIT = 30.0
"""Seconds within which flushes belong to one exit, and share one deadline."""


def install(flushes: list[tuple[str, Flush]], deadline: float) -> None:
    """Flush at every kind of exit from now on.

    Args:
        flushes: What to call, with the name that messages give it. They run side by side, so that a dead destination
            takes no time from the others.
        deadline: Seconds that one exit may be held up by all of them together.
    """
    global _deadline  # noqa: PLW0603 -- one process has one exit
    for name, call in flushes:
        _flushes.append((name, call, standby.Standby(_thread_name(name)) if standby.NEEDED else None))
    _deadline = deadline
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget_exit)
    _handle_sigterm()


def flush() -> None:
    """Send what is queued, for as long as the deadline of this exit allows. Never raises."""
    try:
        _flush()
    except Exception as error:
        # An exit must end.
        diagnostics.say(f"the flush at exit failed: {type(error).__name__}: {error}")


def is_under_way() -> bool:
    """Tell whether the process is about to end."""
    return _began is not None and time.monotonic() - _began <= _SAME_EXIT


def _at_exit() -> None:
    flush()
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        # CPython ends by SIGINT where Ctrl-C went unhandled, but forgets that it did when code is run from a string
        # meanwhile, as imports do during the flush. Running some that ends in the same way reminds it.
        with contextlib.suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102 -- a constant


def _flush() -> None:
    end = time.monotonic() + _remaining()
    begun = [(name, _start(name, call, thread)) for name, call, thread in _flushes]
    late = [name for name, done in begun if not done.wait(max(0.0, end - time.monotonic()))]
    if late:
        diagnostics.say(
            f"at exit, {' and '.join(late)} could not be sent within {_deadline:g} s (DBX_OTEL_EXIT_DEADLINE): "
            f"what was still queued is lost. Is the collector reachable?"
        )


def _start(name: str, call: Flush, thread: standby.Standby | None) -> threading.Event:
    """Begin one flush, and return what is set when it is done."""
    done = threading.Event()

    def work() -> None:
        try:
            _quietly(call)
        finally:
            done.set()

    try:
        if thread is not None:
            thread.run(work)
        else:
            threading.Thread(target=work, name=_thread_name(name), daemon=True).start()
    except RuntimeError as error:
        # No thread to be had; the others may have one.
        diagnostics.say(f"at exit, {name} could not be sent: {error}")
        done.set()
    return done


def _thread_name(name: str) -> str:
    return f"dbx-otel-flush-{name}"


def _quietly(call: Flush) -> None:
    try:
        call()
    except Exception as error:
        # One signal's failure is not the others'.
        diagnostics.say(f"a flush at exit failed: {type(error).__name__}: {error}")


def _remaining() -> float:
    """Return the seconds left of the deadline; the first flush of an exit starts the clock."""
    global _began  # noqa: PLW0603 -- one process has one exit
    now = time.monotonic()
    if _began is None or now - _began > _SAME_EXIT:
        _began = now
    return max(0.0, _deadline - (now - _began))


def _forget_exit() -> None:
    global _began  # noqa: PLW0603 -- a forked child has an exit of its own
    _began = None


def _handle_sigterm() -> None:
    """Flush on SIGTERM where nobody else handles it; a handler that the app sets later takes its place."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def _on_sigterm(signum: int, _frame: FrameType | None) -> None:
    # A second signal during the flush ends the process at once.
    signal.signal(signum, signal.SIG_DFL)
    flush()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # closed or missing
            stream.flush()
    # End as the process would have ended without us, so that its parent sees the same status.
    os.kill(os.getpid(), signum)
