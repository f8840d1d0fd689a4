# SPDX-License-Identifier: Apache-2.0
"""Stands in for a collector on 127.0.0.1: takes OTLP over HTTP, and behaves as badly as it is told to."""

import gzip
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from dbx_otel.delivery.transport import Destination, Endpoint

SIGNALS = ("traces", "logs", "metrics")


class Requests:
    """What has come in, decoded, in the order it came."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.logs: list[Any] = []
        self.metrics: list[Any] = []
        self.paths: list[str] = []
        self.times: list[float] = []
        self.sizes: Counter[str] = Counter()

    def take(self, path: str, body: bytes, compressed: int) -> None:
        self.paths.append(path)
        self.times.append(time.monotonic())
        self.sizes[path] += compressed
        if path == "/v1/traces":
            traces = ExportTraceServiceRequest.FromString(body)
            self.spans += [span for of in traces.resource_spans for scope in of.scope_spans for span in scope.spans]
        elif path == "/v1/logs":
            logs = ExportLogsServiceRequest.FromString(body)
            self.logs += [
                record for of in logs.resource_logs for scope in of.scope_logs for record in scope.log_records
            ]
        else:
            metrics = ExportMetricsServiceRequest.FromString(body)
            self.metrics += [
                metric for of in metrics.resource_metrics for scope in of.scope_metrics for metric in scope.metrics
            ]

    @property
    def span_names(self) -> list[str]:
        return [span.name for span in self.spans]

    @property
    def bodies(self) -> list[str]:
        return [record.body.string_value for record in self.logs]


class StandIn:
    """A collector that can be told to answer as `status`, to stall, to drip, to go away and to come back.

    Attributes:
        got: What it has accepted.
        status: Status of its answers, for a path or for all (``""``).
        headers: Headers of its answers.
        rejected: How many spans of each request it does not take (partial success).
        stalls: Whether it never answers.
        drips: Whether it answers byte by byte, and never to the end.
        attempts: How many requests have come in, accepted or not.
    """

    def __init__(self) -> None:
        self.got = Requests()
        self.status: dict[str, int] = {}
        self.headers: dict[str, str] = {}
        self.rejected = 0
        self.stalls = False
        self.drips = False
        self.attempts = 0
        self.port = 0
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._connections: set[socket.socket] = set()
        self.come_back()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def destination(self, signals: Sequence[str] = SIGNALS, *, name: str | None = None, timeout: float = 10.0) -> Any:
        endpoints: Any = {signal: Endpoint(f"{self.url}/v1/{signal}", timeout=timeout) for signal in signals}
        return Destination(name or self.url, endpoints)

    def come_back(self) -> None:
        self._server = _Server(("127.0.0.1", self.port), self)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def go_away(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self._ended.set()
        self.go_away()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        compressed = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self._lock:
            self.attempts += 1
        if self.stalls:
            self._ended.wait(60)
            return
        if self.drips:
            self._drip(handler)
            return
        status = self.status.get(handler.path, self.status.get("", 200))
        if status == 200:
            is_compressed = handler.headers.get("Content-Encoding") == "gzip"
            body = gzip.decompress(compressed) if is_compressed else compressed
            with self._lock:
                self.got.take(handler.path, body, len(compressed))
        handler.send_response(status)
        answer = b""
        if self.rejected:
            partial = ExportTracePartialSuccess(rejected_spans=self.rejected, error_message="too old")
            answer = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
        handler.send_header("Content-Type", "application/x-protobuf")
        handler.send_header("Content-Length", str(len(answer)))
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(answer)

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nServer: ")  # and no end of it
        while not self._ended.wait(0.1):
            handler.wfile.write(b"x")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], stand_in: StandIn) -> None:
        self.stand_in = stand_in
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # the other side has gone


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        connections = self._stand_in._connections
        connections.add(self.connection)
        try:
            super().handle()
        finally:
            connections.discard(self.connection)

    def do_POST(self) -> None:
        self._stand_in.answer(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name it has there
        pass

    @property
    def _stand_in(self) -> StandIn:
        server = self.server
        assert isinstance(server, _Server)
        return server.stand_in


@contextmanager
def stand_in() -> Iterator[StandIn]:
    made = StandIn()
    try:
        yield made
    finally:
        made.end()


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Wait until something holds, for some seconds at most, and tell whether it does."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
