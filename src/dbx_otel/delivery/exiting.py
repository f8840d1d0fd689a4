# SPDX-License-Identifier: Apache-2.0
"""Sends what is queued when the process ends, whichever way it ends, and never holds it up beyond a deadline.

OpenTelemetry's SDK flushes in `atexit` handlers, one signal after the other, for as long as the exporters retry: with
the collector gone that is longer than the platform waits, and a process that ends by a signal does not run them at all.
"""

import atexit
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from dbx_otel import diagnostics
from dbx_otel.delivery import sigterm, standby

Flush = Callable[[], object]


class Unsent(NamedTuple):
    """What a flush has not sent.

    Attributes:
        flush: Name of the flush.
        what: What it is, in words.
        fate: What becomes of it, in words.
    """

    flush: str
    what: str
    fate: str


Left = Callable[[], list[Unsent]]
"""Tells what has not been sent; empty where all has."""

_flushes: list[tuple[str, Flush, standby.Standby | None]] = []
_left: Left | None = None
_deadline = 5.0
_spent = 0.0
"""Seconds of the deadline that flushes have taken."""
_since: float | None = None
"""When the flush that is under way began."""
_ending = False


def install(flushes: list[tuple[str, Flush]], deadline: float, left: Left | None = None) -> None:
    """Flush at every kind of exit from now on.

    Args:
        flushes: What to call, with the name that messages give it. They run side by side, so that a dead destination
            takes no time from the others.
        deadline: Seconds that all flushes of this process together may take.
        left: Tells, at the end of the process, what these flushes have not sent, of those that can tell.
    """
    global _deadline, _left
    for name, call in flushes:
        also(name, call)
    _deadline, _left = deadline, left
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget_exit)
    sigterm.handle()
    sigterm.end_with(_at_sigterm)


def also(name: str, call: Flush) -> None:
    """Flush something else from now on, too.

    Args:
        name: The name that messages give it.
        call: What to call.
    """
    _flushes.append((name, call, standby.Standby(_thread_name(name)) if standby.NEEDED else None))


def flush() -> None:
    """Send what is queued, for as long as the deadline allows. Never raises.

    Flushes share the deadline: a server's end and that of its process are one exit. What the app does in between takes
    nothing of it.
    """
    try:
        _flush()
    except Exception as error:
        # An exit must end.
        diagnostics.say(f"the flush at exit failed: {type(error).__name__}: {error}")


def flush_at_end() -> None:
    """As `flush`, where the process itself is about to end, not only a server in it. Never raises."""
    global _ending  # noqa: PLW0603 -- one process has one end
    _ending = True
    flush()


def is_under_way() -> bool:
    """Tell whether the process itself is about to end."""
    return _ending


def time_left() -> float:
    """Return the seconds that the flush under way has left; where none is, those that the next one would have."""
    since = _since
    return _deadline - _spent - (time.monotonic() - since if since is not None else 0.0)


def _at_exit() -> None:
    flush_at_end()
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        # CPython ends by SIGINT where Ctrl-C went unhandled, but forgets that it did when code is run from a string
        # meanwhile, as imports do during the flush. Running some that ends in the same way reminds it.
        with contextlib.suppress(KeyboardInterrupt):
            exec("raise KeyboardInterrupt")  # noqa: S102 -- a constant


def _at_sigterm() -> None:
    flush_at_end()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # closed or missing
            stream.flush()


def _flush() -> None:
    global _spent, _since  # noqa: PLW0603 -- one process has one deadline
    outer = _since
    since = time.monotonic() if outer is None else outer  # a signal may come during a flush
    _since = since
    try:
        _flush_until(since + _deadline - _spent)
    finally:
        if outer is None:
            _spent += time.monotonic() - since
            _since = None


def _flush_until(end: float) -> None:
    begun = [(name, _start(name, call, thread)) for name, call, thread in _flushes]
    late = [name for name, done in begun if not done.wait(max(0.0, end - time.monotonic()))]
    unsent = _left() if _ending and _left is not None else []
    told = {one.flush for one in unsent}
    late = [name for name in late if name not in told]
    if late:
        diagnostics.say(
            f"at exit, {' and '.join(late)} could not be sent within {_deadline:g} s (DBX_OTEL_EXIT_DEADLINE): "
            f"what was still queued is lost. Is the collector reachable?"
        )
    for one in unsent:
        diagnostics.say(
            f"at exit, {one.what} could not be sent within {_deadline:g} s (DBX_OTEL_EXIT_DEADLINE): {one.fate}"
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


def _forget_exit() -> None:
    global _spent, _since, _ending
    _spent, _since, _ending = 0.0, None, False
