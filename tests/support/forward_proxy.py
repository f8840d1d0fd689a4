# SPDX-License-Identifier: Apache-2.0
"""A forward proxy as a program: `python -m tests.support.forward_proxy` prints its port, then each request line.

Takes CONNECT and requests with a whole address; with `--user name:password` it asks for them.
"""

import argparse
import base64
import contextlib
import socket
import threading
from urllib.parse import urlsplit


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--user")
    expected = parser.parse_args().user
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    while True:
        client, _ = listening.accept()
        threading.Thread(target=handle, args=(client, expected), daemon=True).start()


def handle(client: socket.socket, expected: str | None) -> None:
    with client, contextlib.suppress(OSError):
        head = b""
        while b"\r\n\r\n" not in head:
            got = client.recv(65536)
            if not got:
                return
            head += got
        head, _, rest = head.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        print(lines[0], flush=True)
        if expected is not None and not is_allowed(lines[1:], expected):
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        method, target, version = lines[0].split(" ")
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                relay(client, server)
            return
        parts = urlsplit(target)
        kept = [line for line in lines[1:] if not line.lower().startswith("proxy-")]
        request = "\r\n".join((f"{method} {parts.path or '/'} {version}", *kept, "via: 1.1 test")) + "\r\n\r\n"
        with socket.create_connection((parts.hostname, parts.port or 80)) as server:
            server.sendall(request.encode("latin-1") + rest)
            relay(client, server)


def is_allowed(lines: list[str], expected: str) -> bool:
    wanted = f"proxy-authorization: Basic {base64.b64encode(expected.encode()).decode()}"
    return any(line.lower() == wanted.lower() for line in lines)


def relay(one: socket.socket, other: socket.socket) -> None:
    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while got := source.recv(65536):
                sink.sendall(got)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    threading.Thread(target=pump, args=(other, one), daemon=True).start()
    pump(one, other)


if __name__ == "__main__":
    main()
