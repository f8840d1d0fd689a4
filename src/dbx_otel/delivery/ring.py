# SPDX-License-Identifier: Apache-2.0
"""What waits for one destination: encoded batches in memory, bounded in bytes."""

from collections import deque
from collections.abc import Callable, Container, Iterator

from dbx_otel.delivery import native
from dbx_otel.delivery.batch import Batch, Priority, Signal

_OVERHEAD = 256
"""Bytes that a batch takes beside its body, about."""

_SECURITY = 3
"""The rank that is given up last, and sent first."""


def _rank(batch: Batch) -> int:
    """Return where a batch stands in the order of giving up: ordinary spans are the first to go."""
    if batch.priority is Priority.ORDINARY:
        return 0 if batch.signal == "traces" else 1
    return _SECURITY if batch.priority is Priority.SECURITY else 2


class Ring:
    """The batches of one destination, in the order they were made, with at most one of them being sent.

    When there is no room the oldest ordinary spans are given up first, then the oldest metrics and ordinary log
    records, then important spans, and security records last.

    Args:
        max_bytes: Most bytes that all batches may take, the one that is being sent included.
        give_up: Called with each batch that is given up.
    """

    def __init__(self, max_bytes: int, give_up: Callable[[Batch], None]) -> None:
        self._max_bytes = max_bytes
        self._give_up = give_up
        self._lanes: dict[tuple[int, Signal], deque[tuple[int, Batch]]] = {}
        self._sending: tuple[int, Batch] | None = None
        self._next_number = 0
        self._lock = native.allocate_lock()
        self.size = 0

    def put(self, batch: Batch) -> None:
        """Append a batch, and give up what there is no room for then; that may be itself."""
        with self._lock:
            self._lane(batch).append((self._next_number, batch))
            self._next_number += 1
            self.size += _bytes(batch)
            given_up = list(self._make_room())
        for lost in given_up:
            self._give_up(lost)

    def take(self, signals: Container[Signal]) -> Batch | None:
        """Return the batch to be sent next, which `done` or `put_back` must follow: security first, else the oldest.

        Args:
            signals: The signals that may be sent now.
        """
        with self._lock:
            heads = [
                (rank != _SECURITY, lane[0][0], lane)
                for (rank, signal), lane in self._lanes.items()
                if lane and signal in signals
            ]
            if not heads:
                return None
            self._sending = min(heads)[2].popleft()
            return self._sending[1]

    def done(self) -> None:
        """Let the batch go that was being sent."""
        with self._lock:
            if self._sending is not None:
                self.size -= _bytes(self._sending[1])
                self._sending = None

    def put_back(self) -> None:
        """Put the batch that was being sent back where it was."""
        with self._lock:
            if self._sending is not None:
                self._lane(self._sending[1]).appendleft(self._sending)
                self._sending = None

    def signals(self) -> set[Signal]:
        """Return the signals that have batches waiting, without that which is being sent."""
        with self._lock:
            return {signal for (_, signal), lane in self._lanes.items() if lane}

    def batches(self) -> list[Batch]:
        """Return all batches, that which is being sent included."""
        with self._lock:
            waiting = [batch for lane in self._lanes.values() for _, batch in lane]
            return waiting if self._sending is None else [self._sending[1], *waiting]

    def sending(self) -> Batch | None:
        """Return the batch that is being sent."""
        sending = self._sending
        return sending[1] if sending is not None else None

    def is_empty(self) -> bool:
        """Tell whether nothing waits and nothing is being sent."""
        return self.size == 0

    def _lane(self, batch: Batch) -> deque[tuple[int, Batch]]:
        return self._lanes.setdefault((_rank(batch), batch.signal), deque())

    def _make_room(self) -> Iterator[Batch]:
        while self.size > self._max_bytes:
            heads = [(rank, lane[0][0], lane) for (rank, _), lane in self._lanes.items() if lane]
            if not heads:
                return
            _, batch = min(heads)[2].popleft()
            self.size -= _bytes(batch)
            yield batch


def _bytes(batch: Batch) -> int:
    return len(batch.body) + _OVERHEAD
