# SPDX-License-Identifier: Apache-2.0
"""Asks a server as fast as it answers: connections that stay open, each with one request under way.

Run as `python -m benchmarks.load PORT PATH CONNECTIONS REQUESTS`, it prints a JSON object: how long it took, and the
median and 99th percentile of the answers, in seconds. Sockets and epoll, no more: the server runs on the same machine.
"""

import gc
import json
import select
import socket
import sys
import time

_REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n"
    "X-Forwarded-For: 10.0.0.{person}\r\nX-Forwarded-Host: shop.example\r\nX-Real-Ip: 10.0.0.{person}\r\n"
    "X-Forwarded-Email: person{person}@example.com\r\nX-Forwarded-Preferred-Username: Person {person}\r\n"
    "X-Forwarded-User: {person}00{person}@1234567890\r\nX-Request-Id: "
)


class _Connection:
    """A connection with one request under way."""

    def __init__(self, port: int, path: str, person: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = _REQUEST.format(path=path, person=person).encode()
        self._answer = b""
        self.began = 0.0

    def ask(self, number: int) -> None:
        self._answer = b""
        self.began = time.perf_counter()
        self.socket.sendall(b"%b%032x\r\n\r\n" % (self._head, number))

    def has_answer(self) -> bool:
        """Read what has come, and tell whether it is a whole answer."""
        received = self.socket.recv(65536)
        if not received:
            raise SystemExit("the server has closed a connection")
        self._answer += received
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().split(b"\r\ncontent-length: ")[1].split(b"\r\n")[0]):
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"the server has answered: {self._answer[:200]!r}")
        return True


def run(port: int, path: str, connections: int, requests: int) -> dict[str, float]:
    """Make so many requests.

    Args:
        port: Where the server listens on 127.0.0.1.
        path: What is asked for.
        connections: How many requests are under way at a time.
        requests: How many are made in all.

    Returns:
        The whole duration, and the median and 99th percentile of the answers, in seconds.

    Raises:
        SystemExit: The server has answered with something else than 200.
    """
    by_descriptor = {each.socket.fileno(): each for each in (_Connection(port, path, n) for n in range(connections))}
    epoll = select.epoll()
    for descriptor in by_descriptor:
        epoll.register(descriptor, select.EPOLLIN)
    latencies: list[float] = []
    gc.disable()
    began = time.perf_counter()
    for number, connection in enumerate(by_descriptor.values()):
        connection.ask(number)
    asked = connections
    while len(latencies) < requests:
        for descriptor, _ in epoll.poll():
            connection = by_descriptor[descriptor]
            if not connection.has_answer():
                continue
            latencies.append(time.perf_counter() - connection.began)
            if asked < requests:
                connection.ask(asked)
                asked += 1
    duration = time.perf_counter() - began
    latencies.sort()
    return {
        "duration": duration,
        "median": latencies[len(latencies) // 2],
        "p99": latencies[len(latencies) * 99 // 100],
    }


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
