# SPDX-License-Identifier: Apache-2.0
"""Security records on disk until they have been delivered: they survive whatever ends the process.

Each process appends to a segment file of its own, which it holds a lock on. A segment without a holder is what an ended
process has left; any other process with the same folder adopts it. A record is safe from the end of the process once
`append` has returned, not from the loss of the machine's power: nothing is forced to the disk itself.
"""

import os
import time
from collections.abc import Iterable

from dbx_otel import diagnostics
from dbx_otel.delivery import native
from dbx_otel.delivery.spool import frames
from dbx_otel.delivery.spool.folder import Folder
from dbx_otel.delivery.spool.segment import Segment

_SEGMENT_BYTES = 1 << 20
_STEP_BYTES = 1 << 16
_RETRY_SECONDS = 5.0
_LOOK_SECONDS = 0.2
_FORK_SECONDS = 1.0


class Receipt:
    """Which record of which segment: what is acknowledged with once it has been delivered.

    Attributes:
        segment: The segment.
        number: Number of the record in it.
    """

    __slots__ = ("number", "segment")

    def __init__(self, segment: Segment, number: int) -> None:
        self.segment = segment
        self.number = number


class Spool:
    """Keeps records in files until they are acknowledged. Thread-safe; a forked child goes on with files of its own.

    No method raises. Where the folder cannot be used, one line says so, and records are not kept.

    Args:
        folder: Where the files are; made at the first record.
        max_bytes: Most bytes that all processes with this folder take together, to within 64 KiB a process.

    Attributes:
        appended: How many records this process has kept.
        refused: How many it could not keep, because the spool was full or the folder could not be used.
        adopted: How many of other processes it has taken over.
        damaged: In how many places what it took over was damaged.
    """

    def __init__(self, folder: str | os.PathLike[str], max_bytes: int) -> None:
        self.appended = 0
        self.refused = 0
        self.adopted = 0
        self.damaged = 0
        self._folder = Folder(folder)
        self._max_bytes = int(max_bytes)
        self._segment_bytes = min(_SEGMENT_BYTES, self._max_bytes // 4)
        self._step = min(_STEP_BYTES, self._max_bytes // 16)
        self._lock = native.RLock()  # a signal handler may append while its thread does
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._forget_parent
            )

    @property
    def size(self) -> int:
        """Bytes that the segments of all processes take."""
        try:
            with self._lock:
                return self._folder.size()
        except Exception:
            # Not to be seen is not to be counted; `append` says why.
            return 0

    @property
    def waiting(self) -> int:
        """How many records this process has appended or adopted that are not acknowledged."""
        with self._lock:
            return sum(len(segment.pending) for segment in self._segments)

    def append(self, payload: bytes) -> Receipt | None:
        """Keep a record; one write of a local file.

        Args:
            payload: The record, serialized.

        Returns:
            What to acknowledge it with; `None` where it is not kept.
        """
        try:
            if os.getpid() != self._pid:
                self._forget_parent()  # forked by something that does not tell Python
            with self._lock:
                receipt = self._append(payload)
                if receipt is None:
                    self.refused += 1
                else:
                    self.appended += 1
                return receipt
        except Exception as error:
            # Disk full, folder removed or made read-only, no descriptor left.
            self.refused += 1
            self._give_up(error)
            return None

    def acknowledge(self, receipts: Iterable[Receipt]) -> None:
        """Keep these records no longer: each is delivered, or refused for good.

        Args:
            receipts: In any order. Those of a parent process are passed over.
        """
        try:
            with self._lock:
                for segment, numbers in self._by_segment(receipts):
                    self._acknowledge(segment, numbers)
        except Exception as error:
            # They will be delivered a second time at most.
            self._give_up(error)

    def release(self, receipts: Iterable[Receipt]) -> None:
        """Keep these records, but for whoever adopts them: nobody holds them in memory any more.

        A segment all of whose records are acknowledged or released can be adopted, also by this process.

        Args:
            receipts: In any order. Those of a parent process are passed over.
        """
        try:
            with self._lock:
                for segment, numbers in self._by_segment(receipts):
                    segment.released |= numbers & segment.pending
                    if segment.pending and segment.released == segment.pending:
                        self._drop(segment)
                        segment.leave()
        except Exception as error:
            self._give_up(error)

    def adopt(self) -> list[tuple[Receipt, bytes]]:
        """Take over a segment that nobody holds, of a process that ended before it could deliver.

        Returns:
            Its records that are not acknowledged, in the order they were appended, as if this process had appended
            them; empty where there is no such segment. Call it until it is, one segment after the other.
        """
        try:
            return self._adopt()
        except FileNotFoundError:
            return []  # the folder has just been removed
        except Exception as error:
            # What cannot be read now is there for the next process.
            self._give_up(error)
            return []

    def close(self) -> None:
        """Let all segments go; those with records that are not acknowledged are there for whoever adopts them."""
        try:
            with self._lock:
                for segment in list(self._segments):
                    self._drop(segment)
                    if segment.pending:
                        segment.leave()
                    else:
                        segment.remove()
                self._folder.close()
        except Exception as error:
            self._give_up(error)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._is_held = False
        self._segments: list[Segment] = []
        self._current: Segment | None = None
        self._foreign: set[str] = set()
        self._allowance = 0
        self._look_at = 0.0
        self._retry_at = 0.0

    def _append(self, payload: bytes) -> Receipt | None:
        if time.monotonic() < self._retry_at or not self._has_room(len(payload) + frames.FRAME_OVERHEAD):
            return None
        segment = self._writable()
        return Receipt(segment, segment.append(payload))

    def _has_room(self, needed: int) -> bool:
        if needed > self._allowance and not self._look_for_room(needed):
            return False
        self._allowance -= needed
        return True

    def _look_for_room(self, needed: int) -> bool:
        """See what all processes take together: once for some records, not for each."""
        if self._max_bytes == 0 or time.monotonic() < self._look_at:
            return False
        room = self._max_bytes - self._folder.size()
        if needed > room:
            self._look_at = time.monotonic() + _LOOK_SECONDS
            diagnostics.say(
                f"{self._folder.path} is full ({self._max_bytes} bytes, DBX_OTEL_SPOOL_MAX_BYTES): further security "
                f"records are sent as usual, but lost if this process is killed before"
            )
            return False
        self._allowance = min(room, max(needed, self._step))
        return True

    def _writable(self) -> Segment:
        current = self._current
        if current is not None and not current.is_there():
            self._drop(current)  # somebody has removed the file
            current.forget()
            current = None
        if current is None or current.size >= self._segment_bytes:
            current = self._create()
            self._segments.append(current)
            self._retire(self._current)
            self._current = current
        return current

    def _create(self) -> Segment:
        try:
            return Segment.create(self._folder.open(create=True))
        except FileNotFoundError:
            self._folder.close()  # removed while it was open
            return Segment.create(self._folder.open(create=True))

    def _retire(self, segment: Segment | None) -> None:
        if segment is not None and not segment.pending:
            self._drop(segment)
            segment.remove()

    def _acknowledge(self, segment: Segment, numbers: set[int]) -> None:
        if segment is not self._current and not segment.pending - numbers:
            self._drop(segment)
            segment.remove()
        else:
            segment.acknowledge(numbers)
        self._look_at = 0.0

    def _adopt(self) -> list[tuple[Receipt, bytes]]:
        with self._lock:
            names = self._folder.names()
            held = {segment.name for segment in self._segments} | self._foreign
        for name in names:
            if name not in held and (segment := self._take(name)) is not None:
                records = self._load(segment)
                if records:
                    self.adopted += len(records)
                    return [(Receipt(segment, number), payload) for number, payload in records.items()]
        return []

    def _take(self, name: str) -> Segment | None:
        with self._lock:  # a child that is forked meanwhile must know the descriptor, to close it
            segment = Segment.take(self._folder.open(create=False), name)
            if segment is not None:
                self._segments.append(segment)
            return segment

    def _load(self, segment: Segment) -> dict[int, bytes]:
        try:
            contents = segment.load()
        except frames.ForeignError:
            with self._lock:
                self._foreign.add(segment.name)
                self._drop(segment)
                segment.leave()
            return {}
        if contents.damaged:
            self.damaged += contents.damaged
            diagnostics.say(
                f"a file in {self._folder.path} is damaged in {contents.damaged} places: the records there are lost, "
                f"all others are delivered"
            )
        if not contents.records:
            with self._lock:
                self._drop(segment)
                segment.remove()
        return contents.records

    def _by_segment(self, receipts: Iterable[Receipt]) -> list[tuple[Segment, set[int]]]:
        numbers: dict[int, set[int]] = {}
        for receipt in receipts:
            numbers.setdefault(id(receipt.segment), set()).add(receipt.number)
        return [(segment, numbers[id(segment)]) for segment in list(self._segments) if id(segment) in numbers]

    def _drop(self, segment: Segment) -> None:
        if segment in self._segments:
            self._segments.remove(segment)
        if segment is self._current:
            self._current = None

    def _give_up(self, error: Exception) -> None:
        self._retry_at = time.monotonic() + _RETRY_SECONDS
        diagnostics.say(
            f"security records are not kept in {self._folder.path}: {_reason(error)}; they are sent as usual, but lost "
            f"if this process is killed before"
        )

    def _before_fork(self) -> None:
        self._is_held = self._lock.acquire(timeout=_FORK_SECONDS)

    def _after_fork(self) -> None:
        if self._is_held:
            self._lock.release()

    def _forget_parent(self) -> None:
        self._lock = native.RLock()
        for segment in self._segments:
            segment.forget()
        self.appended = self.refused = self.adopted = self.damaged = 0
        self._begin()


def _reason(error: Exception) -> str:
    if isinstance(error, ImportError | AttributeError):
        return "this system does not have what it takes to share files safely"
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return text or type(error).__name__
