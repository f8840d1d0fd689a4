# SPDX-License-Identifier: Apache-2.0
"""One segment file, held by the process that writes it.

The holder has an exclusive `flock` on the file, which ends with the process, however that ends. Such a lock belongs to
the open file, which a forked child shares: the child closes its copy without unlocking, and thereby leaves the lock to
its parent.
"""

import os
import stat

from dbx_otel.delivery.spool import frames
from dbx_otel.delivery.spool.folder import segment_name

_ATTEMPTS = 3


class Segment:
    """A segment that this process holds. Not thread-safe; every method raises `OSError` where the file cannot be used.

    Attributes:
        name: Name of the file in its folder.
        size: Bytes of the file.
        pending: Numbers of its records that are not acknowledged.
        released: Those of them that nobody here has in memory any more.
    """

    __slots__ = (
        "_descriptor",
        "_folder",
        "_identity",
        "_marker",
        "_next_number",
        "name",
        "pending",
        "released",
        "size",
    )

    def __init__(self, folder: int, name: str, descriptor: int, marker: bytes = b"") -> None:
        self.name = name
        self.pending: set[int] = set()
        self.released: set[int] = set()
        self.size = 0
        self._folder = folder
        self._descriptor = descriptor
        self._identity = _identity(descriptor)
        self._marker = marker
        self._next_number = 0

    @classmethod
    def create(cls, folder: int) -> "Segment":
        """Make a segment and hold it.

        Args:
            folder: Descriptor of the folder.
        """
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        for _ in range(_ATTEMPTS):
            marker = frames.new_marker()
            name = segment_name(marker)
            descriptor = os.open(name, flags, 0o600, dir_fd=folder)
            # Before it is locked, another process may take it for one that has been left, and remove it.
            if _hold(folder, name, descriptor):
                segment = cls(folder, name, descriptor, marker)
                segment._write(frames.header(marker))
                return segment
            os.close(descriptor)
        raise BlockingIOError("new segments are taken away")

    @classmethod
    def take(cls, folder: int, name: str) -> "Segment | None":
        """Hold a segment that somebody has left; `None` where somebody holds it, or it is not ours to take.

        Args:
            folder: Descriptor of the folder.
            name: Name of the file.
        """
        try:
            descriptor = os.open(name, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        except OSError:
            return None  # delivered meanwhile, a symbolic link, or another user's
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and _hold(folder, name, descriptor):
            return cls(folder, name, descriptor)
        os.close(descriptor)
        return None

    def load(self) -> frames.Contents:
        """Read a segment that was taken; its records are pending from then on.

        Raises:
            frames.ForeignError: It is no segment of this version.
        """
        data = _read_all(self._descriptor)
        contents = frames.read(data)
        self.size = len(data)
        if contents.end < self.size:
            self._truncate(contents.end)
        self._marker = contents.marker
        self._next_number = contents.next_number
        self.pending = set(contents.records)
        return contents

    def append(self, payload: bytes) -> int:
        """Append a record and return its number. It is in the kernel's hands then, whatever becomes of the process."""
        number = self._next_number
        self._next_number += 1
        self.pending.add(number)
        try:
            self._write(frames.record(self._marker, number, payload))
        except BaseException:
            self.pending.discard(number)
            raise
        return number

    def acknowledge(self, numbers: "set[int]") -> None:
        """Record that these need not be delivered any more. Where none is left, the file is emptied."""
        done = numbers & self.pending
        self.pending -= done
        self.released -= done
        if not self.is_there():
            return
        if not self.pending:
            self._truncate(frames.HEADER_SIZE)
        elif done:
            self._write(frames.acknowledgement(self._marker, done))

    def is_there(self) -> bool:
        """Tell whether the file is still in a folder, and the descriptor still this file's."""
        try:
            status = os.fstat(self._descriptor)
        except OSError:
            return False
        return status.st_nlink > 0 and (status.st_dev, status.st_ino) == self._identity

    def remove(self) -> None:
        """Remove the file and let it go."""
        try:
            if self.is_there():
                os.unlink(self.name, dir_fd=self._folder)
        finally:
            self.leave()

    def leave(self) -> None:
        """Let the file go, for whoever takes it."""
        if _identity(self._descriptor) == self._identity:
            import fcntl

            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self.forget()

    def forget(self) -> None:
        """Close the file without unlocking it: it is the parent's, and this process a child of it."""
        if _identity(self._descriptor) == self._identity:
            os.close(self._descriptor)
        self._descriptor = -1
        self.pending = set()

    def _write(self, data: bytes) -> None:
        written = os.write(self._descriptor, data)
        if written < len(data):
            self._truncate(self.size)
            raise OSError(f"wrote {written} of {len(data)} bytes")
        self.size += written

    def _truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)
        self.size = size


def _hold(folder: int, name: str, descriptor: int) -> bool:
    """Lock a file, and tell whether it is still the one of that name."""
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except (BlockingIOError, FileNotFoundError):
        return False
    return (status.st_dev, status.st_ino) == _identity(descriptor)


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def _read_all(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    parts = []
    position = 0
    while position < size and (part := os.pread(descriptor, size - position, position)):
        parts.append(part)
        position += len(part)
    return b"".join(parts)
