# SPDX-License-Identifier: Apache-2.0
"""OTLP/HTTP on the standard library's threading server (OTLP specification, "OTLP/HTTP")."""

import contextlib
import socket
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2  # type: ignore[import-untyped]  # the package brings no types

from dbx_otel.local import body as otlp_body
from dbx_otel.local.body import JSON, PROTOBUF, RefusedError, shown
from dbx_otel.local.decode import SIGNALS, Signal
from dbx_otel.local.framing import read_body

Take = Callable[[Signal, Any], Any]

_BY_PATH = {signal.path: signal for signal in SIGNALS}
_IDLE_SECONDS = 120.0
_LINGER_SECONDS = 2.0
_LINGER_BODIES = 16
_RPC_CODE = {
    HTTPStatus.NOT_FOUND: code_pb2.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: code_pb2.UNIMPLEMENTED,
    HTTPStatus.SERVICE_UNAVAILABLE: code_pb2.UNAVAILABLE,
}


class HttpServer:
    """Serves OTLP/HTTP; `take` gets each request message and returns the response message."""

    def __init__(self, host: str, port: int, take: Take, max_body: int) -> None:
        self._host = host
        self._port = port
        self._take = take
        self._max_body = max_body
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where it listens, `host:port`."""
        return f"{self._host}:{self._port}"

    def start(self) -> None:
        """Bind and serve.

        Raises:
            OSError: When the port is taken.
        """
        try:
            self._server = _Server((self._host, self._port), _Handler)
        except OSError as error:
            raise OSError(f"cannot listen on {self.address} for OTLP/HTTP: {error.strerror}") from error
        self._server.take, self._server.max_body = self._take, self._max_body
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="otlp-http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close the open connections."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    """Knows its open connections: those kept alive would otherwise hold their threads after the end."""

    daemon_threads = True
    request_queue_size = 128
    take: Take
    max_body: int

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        with self._open_lock:
            for connection in self._open:
                # The client may be quicker.
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go away; everything else is a bug of ours and is shown."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    error_content_type = "text/plain;charset=utf-8"
    error_message_format = "%(message)s\n"

    def do_POST(self) -> None:
        encoding = JSON
        try:
            body = self._read_body()
            signal = self._signal()
            encoding = otlp_body.content_type(self.headers["Content-Type"])
            body = otlp_body.decompress(body, self.headers["Content-Encoding"], self.server.max_body)
            parse = otlp_body.from_json if encoding == JSON else otlp_body.from_protobuf
            response = self.server.take(signal, parse(body, signal.request()))
        except RefusedError as refused:
            self._refuse(refused, encoding)
        else:
            self._answer(HTTPStatus.OK, response, encoding)

    def _other_method(self) -> None:
        """Refuse what is no POST; its body, if any, is not read, so the connection ends."""
        self.close_connection = True
        text = f"method is {self.command}; OTLP/HTTP is sent with POST"
        refused = RefusedError(text, HTTPStatus.METHOD_NOT_ALLOWED)
        try:
            self._signal()
        except RefusedError as no_such_path:
            refused = no_such_path
        self._refuse(refused, JSON)

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _other_method  # noqa: N815 -- as http.server calls

    def _signal(self) -> Signal:
        path = self.path.partition("?")[0]
        if path not in _BY_PATH:
            text = f"path is {shown(path)}; there are {', '.join(sorted(_BY_PATH))}"
            raise RefusedError(text, HTTPStatus.NOT_FOUND)
        return _BY_PATH[path]

    def _read_body(self) -> bytes:
        try:
            return read_body(self.rfile, self.headers, self.server.max_body)
        except RefusedError:
            self.close_connection = True
            raise

    def _refuse(self, refused: RefusedError, encoding: str) -> None:
        code = _RPC_CODE.get(refused.status, code_pb2.INVALID_ARGUMENT)
        self._answer(refused.status, status_pb2.Status(code=code, message=str(refused)), encoding)

    def _answer(self, status: HTTPStatus, message: Message, encoding: str) -> None:
        body = otlp_body.to_json(message) if encoding == JSON else message.SerializeToString()
        self.send_response(status)
        self.send_header("Content-Type", encoding)
        self.send_header("Content-Length", str(len(body)))
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "POST")
        if status is HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            self.send_header("Accept", f"{PROTOBUF}, {JSON}")
            self.send_header("Accept-Encoding", "gzip, deflate")
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            self.send_header("Retry-After", "1")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if self.close_connection:
            self._linger()

    def _linger(self) -> None:
        """Let a client that is still sending read the answer; a reset would eat it (RFC 9112 §9.6)."""
        self.connection.settimeout(_LINGER_SECONDS)
        left = _LINGER_BODIES * self.server.max_body
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while left > 0 and (received := self.connection.recv(65536)):
                left -= len(received)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name http.server gives
        """Keep the terminal for what was received."""
