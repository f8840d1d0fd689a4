# SPDX-License-Identifier: Apache-2.0
"""A real server for HTTP clients to call, in a thread of the process that plays a corpus."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from opentelemetry import baggage, propagate, trace
from opentelemetry.context import Context

PORT_VARIABLE = "COMPARISON_PORT"
"""The same for both variants, as spans bear it."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    received: list[dict[str, str]]

    def answer(self) -> None:
        """Answer as the path asks for: `/status/404`, `/redirect/3`, `/slow`, `/drop`, `/stream`, `/headers`."""
        self.received.append(dict(self.headers.items()))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kind, _, rest = urlsplit(self.path).path.lstrip("/").partition("/")
        if kind == "drop":
            self.close_connection = True
            return
        if kind == "slow":
            time.sleep(0.4)
        if kind == "old":
            self.protocol_version = "HTTP/1.0"
        status = int(rest) if kind == "status" else 302 if kind in {"redirect", "loop"} else 200
        self.send_response(status)
        if kind == "redirect":
            left = int(rest)
            self.send_header("Location", f"/redirect/{left - 1}" if left > 1 else "/")
        if kind == "loop":
            self.send_header("Location", "/loop")
        if kind == "headers":
            self.send_header("X-Answer-One", "1")
            self.send_header("Set-Cookie", "session=private")
        if kind == "stream":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
            return
        body = b"" if status in {204, 304} else b"body"
        if body or status not in {204, 304}:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of the original
        """Say nothing."""


for _method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "QUERY", "BREW", "brew"):
    setattr(_Handler, f"do_{_method}", _Handler.answer)


def _told(headers: dict[str, str], context: Context) -> dict[str, str]:
    """Return what else of the headers a client's instrumentation may have touched."""
    kept = {name: value for name, value in headers.items() if name.lower() not in {"traceparent", "content-length"}}
    return {"headers": str(sorted(kept.items())), "baggage": str(sorted(baggage.get_all(context).items()))}


class Server:
    """A server that tells what it has been sent.

    Attributes:
        url: Its address.
    """

    def __init__(self) -> None:
        self._received: list[dict[str, str]] = []
        handler = type("Handler", (_Handler,), {"received": self._received})
        self._server = ThreadingHTTPServer(("127.0.0.1", int(os.environ[PORT_VARIABLE])), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def checked(self, case: Callable[[], object]) -> Callable[[], None]:
        """Return a case that also makes a span for each request received, whose parent shows what went along."""

        def run() -> None:
            self._received.clear()
            case()
            for headers in list(self._received):
                context = propagate.extract({name.lower(): value for name, value in headers.items()})
                came = trace.get_current_span(context).get_span_context()
                # As if it were a span of this process, which it is: the ids of others are shown, and never the same.
                parent = trace.SpanContext(came.trace_id, came.span_id, is_remote=False, trace_flags=came.trace_flags)
                around = trace.set_span_in_context(trace.NonRecordingSpan(parent), context)
                trace.get_tracer("server").start_span("received", around, attributes=_told(headers, context)).end()

        return run

    @contextmanager
    def serving(self) -> Iterator["Server"]:
        """Serve inside of the block."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()
