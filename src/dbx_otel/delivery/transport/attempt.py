# SPDX-License-Identifier: Apache-2.0
"""One attempt to send, held to its time: sockets that know when it is over, whatever the other side does.

A socket's own timeout begins anew with each byte, so that a server that sends one now and then is waited for without
end. These set what is left of the attempt before each call. An attempt can also be ended from another thread.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any


class Attempt:
    """An attempt of this thread, which its sockets look at.

    Args:
        timeout: Seconds from now that it may take.
    """

    def __init__(self, timeout: float) -> None:
        self._end = time.monotonic() + timeout
        self._socket: socket.socket | None = None
        self._cancelled = False

    def left(self) -> float:
        """Return the seconds that are left, more than 0.

        Raises:
            TimeoutError: None are left, or it has been cancelled.
        """
        left = self._end - time.monotonic()
        if left <= 0 or self._cancelled:
            raise TimeoutError
        return left

    def use(self, used: socket.socket) -> None:
        """Have a socket wait no longer than is left; raises as `left` does."""
        self._socket = used
        used.settimeout(self.left())

    def cancel(self) -> None:
        """End it; to be called from any thread."""
        self._cancelled = True
        used = self._socket
        if used is not None:
            # Past TLS, whose state belongs to the thread that reads. Wakes that thread.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(used, socket.SHUT_RDWR)


class _Of(threading.local):
    attempt: Attempt | None = None


_of_thread = _Of()


@contextlib.contextmanager
def begun(attempt: Attempt) -> Iterator[None]:
    """Hold what this thread does meanwhile to an attempt."""
    _of_thread.attempt = attempt
    try:
        yield
    finally:
        _of_thread.attempt = None


def _use(used: socket.socket) -> None:
    attempt = _of_thread.attempt
    if attempt is not None:
        attempt.use(used)


class TimedSocket(socket.socket):
    """A socket that is held to the attempt of the thread that uses it."""

    def connect(self, address: Any, /) -> None:
        """Connect."""
        _use(self)
        super().connect(address)

    def recv(self, *arguments: Any) -> bytes:
        """Receive."""
        _use(self)
        return super().recv(*arguments)

    def recv_into(self, *arguments: Any) -> int:
        """Receive."""
        _use(self)
        return super().recv_into(*arguments)

    def sendall(self, *arguments: Any) -> None:
        """Send all, which the system holds to one timeout."""
        _use(self)
        super().sendall(*arguments)


class TimedTlsSocket(ssl.SSLSocket):
    """The same, with TLS; contexts make it as their `sslsocket_class`."""

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands, which OpenSSL's binding holds to one timeout."""
        _use(self)
        super().do_handshake(block)

    def read(self, *arguments: Any) -> Any:
        """Receive: all of its methods that do come here."""
        _use(self)
        return super().read(*arguments)

    def send(self, *arguments: Any) -> int:
        """Send a part: `sendall` does so in turn."""
        _use(self)
        return super().send(*arguments)


def connect(host: str, port: int, options: Iterable[tuple[Any, ...]]) -> socket.socket:
    """Connect to the first address of a host that answers, each having its share of what is left.

    Args:
        host: Name or address.
        port: Port.
        options: Arguments of `setsockopt`.

    Raises:
        OSError: None does; the last one's error.
    """
    addresses = socket.getaddrinfo(host.strip("[]"), port, 0, socket.SOCK_STREAM)
    attempt = _of_thread.attempt
    error: OSError = OSError("no address")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        made = TimedSocket(family, kind, protocol)
        try:
            for option in options:
                made.setsockopt(*option)
            if attempt is None:
                made.connect(address)
            else:
                _connect_within(made, address, attempt, len(addresses) - number)
            return made
        except OSError as failed:
            made.close()
            error = failed
    raise error


def _connect_within(made: socket.socket, address: Any, attempt: Attempt, shares: int) -> None:
    attempt.use(made)
    made.settimeout(attempt.left() / shares)
    socket.socket.connect(made, address)
