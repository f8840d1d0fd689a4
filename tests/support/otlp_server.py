# SPDX-License-Identifier: Apache-2.0
"""Servers that transports are tried against: HTTP that answers as told, and sockets that misbehave byte by byte."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Request(NamedTuple):
    """What has come; `peer` is the client's end of the connection."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    peer: Any


class Answer(NamedTuple):
    """What is answered."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""


class HttpServer:
    """Serves HTTP/1.1 on 127.0.0.1, with TLS where a context is given.

    Attributes:
        requests: What has come, in order.
        answers: What is answered, one after the other; then 200 with an empty body.
        port: Where it listens.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.answers: list[Answer] = []
        self._scheme = "https" if context else "http"
        served = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                if context is not None:
                    # Here and not in the listening socket: a client that shakes no hands must not stop the others.
                    self.request = context.wrap_socket(self.request, server_side=True)
                super().setup()

            def finish(self) -> None:
                super().finish()
                self.request.close()  # the server knows of the one without TLS

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                served.requests.append(Request(self.path, headers, body, self.client_address))
                answer = served.answers.pop(0) if served.answers else Answer()
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass  # clients that go away in the middle are what is tested

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}/v1/traces"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def http_server(context: ssl.SSLContext | None = None) -> Iterator[HttpServer]:
    """An HTTP server for as long as the block runs."""
    server = HttpServer(context)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def raw_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose connections are handed to `serve`, each in a thread of its own; closed when it returns."""
    listening = socket.create_server(("127.0.0.1", 0))

    def handle(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            serve(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        listening.close()
