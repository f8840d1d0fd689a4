# SPDX-License-Identifier: Apache-2.0
"""SIGTERM where nobody else handles it: what is queued is sent, then the process ends by the signal all the same.

The handler is set when the interpreter starts, by `dbx_otel.launch.interpreter`: only the main thread can set one, and
the SDK may start in any other, with the first record or the first import there. That loads nothing: Python has loaded
`_signal` by then. (`signal` would bring `enum`, some milliseconds.)
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # there are stubs for `signal` only
import os

TYPE_CHECKING = False  # as `typing` has it, without importing typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_last_work: Callable[[], None] | None = None


def handle() -> None:
    """Handle the signal, unless it is handled or ignored already. A handler that the app sets later takes its place.

    Does nothing in another thread than the main one, which cannot set a handler.
    """
    try:
        if _signal.getsignal(_signal.SIGTERM) == _signal.SIG_DFL:
            _signal.signal(_signal.SIGTERM, _end)
    except ValueError:
        pass  # not the main thread, or not the main interpreter


def end_with(last_work: Callable[[], None]) -> None:
    """Set what is done before the process ends by the signal; without it the process ends at once.

    Args:
        last_work: Does it. Must not raise.
    """
    global _last_work  # noqa: PLW0603 -- one process has one end
    _last_work = last_work


def _end(signum: int, _frame: FrameType | None) -> None:
    # A second signal meanwhile ends the process at once.
    _signal.signal(signum, _signal.SIG_DFL)
    try:
        if _last_work is not None:
            _last_work()
    finally:
        # End as the process would have ended without us, so that its parent sees the same status.
        os.kill(os.getpid(), signum)
