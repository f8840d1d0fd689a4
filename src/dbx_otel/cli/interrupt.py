# SPDX-License-Identifier: Apache-2.0
"""Ends a command in good order on Ctrl-C, SIGTERM and a closed terminal alike."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedBySignal(BaseException):
    """Raised in the main thread when the process is told to end; like KeyboardInterrupt no `Exception`."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Turn the first signal inside the block into `InterruptedBySignal`; further ones are ignored."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise InterruptedBySignal

    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
