# SPDX-License-Identifier: Apache-2.0
"""The folder that segments lie in: this user's alone, as what lies in it says who did what.

In a folder that anyone may write to, such as /tmp, the next one of the path must be this user's, must not be writable
by others, and must not be a symbolic link. The same holds for the last one, which others must not read either.
"""

import contextlib
import os
import stat
from zlib import crc32

_SUFFIX = ".spool"


class UnsafeFolderError(OSError):
    """A folder could be another user's doing."""


def default_folder(service_name: str) -> str:
    """Return where the segments of a service lie, unless a setting says so: each service in a folder of its own."""
    temporary = next((os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)), "/tmp")  # noqa: S108 -- `open` sees to what that means
    service = f"{crc32(service_name.encode('utf-8', 'surrogatepass')):08x}"
    return os.path.join(temporary, f"dbx-otel-{os.geteuid()}", "spool", service)  # noqa: PTH118 -- light


class Folder:
    """A folder of segments. Paths are looked up once: what becomes of them later leads nowhere else.

    Args:
        path: Where it is.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(path)  # noqa: PTH100 -- light
        self._descriptor: int | None = None
        self._identity = (0, 0)

    def open(self, *, create: bool) -> int:
        """Return a descriptor of the folder, which stays the folder's.

        Args:
            create: Whether to make it where it is not there.

        Raises:
            FileNotFoundError: It is not there.
            UnsafeFolderError: It could be another user's doing.
            OSError: It cannot be made or opened.
        """
        if self._descriptor is not None and not self._is_there():
            self.close()
        if self._descriptor is None:
            self._descriptor = _open_private(self.path, create=create)
            status = os.fstat(self._descriptor)
            self._identity = (status.st_dev, status.st_ino)
        return self._descriptor

    def names(self) -> list[str]:
        """Return the names of all segments there are, oldest change first; none where there is no folder."""
        return [name for _, name, _ in sorted(self._entries())]

    def size(self) -> int:
        """Return how many bytes all segments take, those of other processes included."""
        return sum(size for _, _, size in self._entries())

    def close(self) -> None:
        """Close the descriptor. The folder can be opened again."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None and self._links(descriptor) is not None:
            os.close(descriptor)

    def _is_there(self) -> bool:
        return self._descriptor is not None and bool(self._links(self._descriptor))

    def _links(self, descriptor: int) -> int | None:
        """Return how many names the folder has; `None` where the descriptor is not the folder's any more."""
        try:
            status = os.fstat(descriptor)
        except OSError:
            return None  # closed by the app, as daemons do with all that is open
        return status.st_nlink if (status.st_dev, status.st_ino) == self._identity else None

    def _entries(self) -> list[tuple[int, str, int]]:
        try:
            descriptor = self.open(create=False)
        except FileNotFoundError:
            return []
        found = []
        with os.scandir(descriptor) as entries:
            for entry in entries:
                if not entry.name.endswith(_SUFFIX):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # another process has just delivered it
                found.append((status.st_mtime_ns, entry.name, status.st_size))
        return found


def segment_name(marker: bytes) -> str:
    """Return a name for a new segment of this process."""
    return f"{os.getpid()}-{marker.hex()}{_SUFFIX}"


def _open_private(path: str, *, create: bool) -> int:
    names = [name for name in path.split("/") if name]
    descriptor = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    is_exposed = False
    for index, name in enumerate(names):
        is_last = index == len(names) - 1
        above = descriptor
        try:
            descriptor = _open_below(above, name, create=create)
            if is_exposed or is_last:
                here = "/" + "/".join(names[: index + 1])
                _check_no_link(above, name, descriptor, here)
                _check_ours(descriptor, here, 0o077 if is_last else 0o022)
            is_exposed = bool(os.fstat(descriptor).st_mode & stat.S_IWOTH)
        except OSError:
            if descriptor != above:
                os.close(descriptor)
            raise
        finally:
            os.close(above)
    return descriptor


def _open_below(above: int, name: str, *, create: bool) -> int:
    # Python opens descriptors so that programs started by this process do not get them (PEP 446: O_CLOEXEC).
    try:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=above)
    except FileNotFoundError:
        if not create:
            raise
    with contextlib.suppress(FileExistsError):  # another process has just made it
        os.mkdir(name, 0o700, dir_fd=above)
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)


def _check_no_link(above: int, name: str, descriptor: int, path: str) -> None:
    named, opened = os.stat(name, dir_fd=above, follow_symlinks=False), os.fstat(descriptor)
    if (named.st_dev, named.st_ino) != (opened.st_dev, opened.st_ino):
        raise UnsafeFolderError(f"{path} is a symbolic link")


def _check_ours(descriptor: int, path: str, not_allowed: int) -> None:
    status = os.fstat(descriptor)
    if status.st_uid != os.geteuid():
        raise UnsafeFolderError(f"{path} belongs to another user")
    if status.st_mode & not_allowed:
        raise UnsafeFolderError(f"{path} is open to other users (chmod 700)")
