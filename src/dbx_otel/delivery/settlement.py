# SPDX-License-Identifier: Apache-2.0
"""Which security records on the spool are still owed to a destination."""

from collections import deque
from typing import Any

from dbx_otel.delivery import native
from dbx_otel.delivery.batch import Batch


class Settlement:
    """Acknowledges a batch's records on the spool when every destination has had it, as soon as `note` is called.

    Where one had to give it up, they stay on disk: they are released when nobody has them in memory any more, and
    adopted again, by this process or by another one.

    Args:
        spool: The spool, or `None` where there is none.
    """

    def __init__(self, spool: Any) -> None:
        self._spool = spool
        self._owed: dict[Batch, tuple[int, bool]] = {}
        self._settled: deque[tuple[Batch, bool]] = deque()
        self._lock = native.allocate_lock()

    def expect(self, batch: Batch, destinations: int) -> None:
        """Note that a batch goes to so many destinations."""
        if batch.receipts:
            with self._lock:
                self._owed[batch] = (destinations, True)

    def settle(self, batch: Batch, *, had_it: bool) -> None:
        """Note that one more destination is done with a batch.

        Args:
            batch: The batch.
            had_it: Whether it has accepted it, or refused it for good; not so if it was given up for want of room.
        """
        if not batch.receipts:
            return
        with self._lock:
            left, all_had_it = self._owed.pop(batch)
            left, all_had_it = left - 1, all_had_it and had_it
            if left:
                self._owed[batch] = (left, all_had_it)
                return
        self._settled.append((batch, all_had_it))

    def note(self) -> None:
        """Note on the spool what has been settled.

        Apart from `settle`, because it may have to wait: SIGTERM may have interrupted the main thread while that was
        writing to the spool, and then it does not go on before everything is sent.
        """
        while self._settled:
            try:
                batch, all_had_it = self._settled.popleft()
            except IndexError:
                return  # another thread was quicker
            if all_had_it:
                self._spool.acknowledge(batch.receipts)
            else:
                self._spool.release(batch.receipts)
