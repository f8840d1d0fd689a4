# SPDX-License-Identifier: Apache-2.0
"""When a destination that did not take a signal is tried again."""

import os
import time

from dbx_otel.delivery.batch import Signal

_FIRST_WAIT = 1.0
_LONGEST_WAIT = 30.0
_FIRST_WAIT_IN_HASTE = 0.1
_LONGEST_WAIT_IN_HASTE = 0.5
_LONGEST_RETRY_AFTER = 300.0
"""Seconds that a destination may ask for at most: memory does not last for ever."""

_SIGNALS: tuple[Signal, ...] = ("traces", "logs", "metrics")


class Schedule:
    """Exponential backoff with jitter, each signal on its own: a collector may refuse one and take the others.

    Attributes:
        failures: By signal, how often it has failed since it last went well; nothing of those that go well.
    """

    def __init__(self) -> None:
        self.failures: dict[Signal, int] = {}
        self._next_attempt: dict[Signal, float] = {}
        self._asked_to_wait: set[Signal] = set()
        self._takes_none = False

    def ready(self) -> list[Signal]:
        """Return the signals that may be sent now."""
        now = time.monotonic()
        return [signal for signal in _SIGNALS if self._next_attempt.get(signal, 0.0) <= now]

    def seconds_to_next(self, signals: set[Signal]) -> float | None:
        """Return the seconds until one of these may be sent; `None` where there are none."""
        attempts = [self._next_attempt.get(signal, 0.0) for signal in signals]
        return max(0.0, min(attempts) - time.monotonic()) if attempts else None

    def succeeded(self, signal: Signal) -> None:
        """Note that a signal was taken: where none was before, the others are tried again, too."""
        self.failures.pop(signal, None)
        self._next_attempt.pop(signal, None)
        if self._takes_none:
            self._takes_none = False
            self._next_attempt = {
                other: when for other, when in self._next_attempt.items() if other in self._asked_to_wait
            }

    def failed(self, signal: Signal, retry_after: float | None, *, in_haste: bool) -> None:
        """Note that a signal was not taken, and set the next attempt.

        Args:
            signal: The signal.
            retry_after: Seconds that the destination asks to wait, if it does.
            in_haste: Whether the process is ending, so that there is no time for long waits.
        """
        if not self.failures:
            self._takes_none = True
        failures = self.failures.get(signal, 0)
        self.failures[signal] = failures + 1
        first, longest = (_FIRST_WAIT_IN_HASTE, _LONGEST_WAIT_IN_HASTE) if in_haste else (_FIRST_WAIT, _LONGEST_WAIT)
        # Between half and all of it, so that processes that failed together do not come back together. Not by `random`,
        # which the app may have seeded.
        wait = min(longest, first * 2 ** min(failures, 10)) * (0.5 + os.urandom(1)[0] / 510)
        self._asked_to_wait.discard(signal)
        if retry_after is not None:
            self._asked_to_wait.add(signal)
            wait = min(max(retry_after, 0.0), _LONGEST_RETRY_AFTER)
        self._next_attempt[signal] = time.monotonic() + wait

    def try_now(self) -> None:
        """Let every signal be sent at once: the process is ending."""
        self._next_attempt = {}  # not cleared: another thread may be looking through it
