# SPDX-License-Identifier: Apache-2.0
"""What the corpora of ASGI frameworks have in common: a real server, requests as bytes, and intended differences."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from websockets.exceptions import ConnectionClosed
from websockets.exceptions import InvalidStatus as RefusedError
from websockets.sync.client import ClientConnection, connect

from tests.comparison.harness import Rule
from tests.comparison.recorder import Seen

Request = Callable[[], list[str]]
"""Makes a request and returns what its answer was like."""
Cases = dict[str, Request]
PORT = int(os.environ.get("PORT", "0"))
TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-01"


class Idle:
    """Outermost ASGI app: knows whether a request is still being worked at, background tasks included."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._at_work = 0
        self._begun = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        self._at_work += 1
        self._begun += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._at_work -= 1

    def after(self, request: Request) -> list[str]:
        """Make a request and wait until the app is done with it."""
        begun = self._begun
        answer = request()
        end = time.monotonic() + 10
        # Some servers refuse by themselves what others hand on.
        while self._at_work or (self._begun == begun and answer[0] != "HTTP/1.1 400 Bad Request"):
            assert time.monotonic() < end
            time.sleep(0.002)
        return answer


@contextmanager
def served(app: Any) -> Iterator[Callable[[Request], Request]]:
    """Serve an app; gives what turns a request into a case that ends when the app is done with it."""
    idle = Idle(app)
    config = uvicorn.Config(idle, host="127.0.0.1", port=PORT, log_level="critical", lifespan="on", ws="websockets")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield lambda request: lambda: idle.after(request)
    finally:
        server.should_exit = True
        thread.join(10)


def http(
    target: str,
    method: str = "GET",
    body: bytes | None = None,
    *,
    version: str = "1.1",
    host: str | None = f"127.0.0.1:{PORT}",
    leave_after: int | None = None,
    **headers: str,
) -> Request:
    """Return what makes a request, as bytes: servers get what clients libraries would not send.

    Args:
        target: The target of the request line.
        method: The method.
        body: The body.
        version: Version of HTTP.
        host: The `Host` header, if there is to be one.
        leave_after: Bytes of the response after which the client goes away.
        headers: More headers; `_` stands for `-`.
    """
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if version != "1.0":
        lines.append("Connection: close")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    sent = "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")

    def request() -> list[str]:
        with socket.create_connection(("127.0.0.1", PORT), timeout=10) as connection:
            connection.sendall(sent)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
                if leave_after is not None and len(received) > leave_after:
                    return ["left"]
        head, _, content = received.partition(b"\r\n\r\n")
        status, *fields = head.decode("latin-1").split("\r\n")
        return [status, *sorted(field.partition(":")[0] for field in fields), f"{len(content)} bytes"]

    return request


def websocket(path: str, talk: Callable[[ClientConnection], None] = lambda _: None, **headers: str) -> Request:
    """Return what opens a WebSocket, talks over it, and closes it.

    Args:
        path: The path.
        talk: What is said.
        headers: Headers; `_` stands for `-`.
    """
    sent = {name.replace("_", "-"): value for name, value in headers.items()}

    def request() -> list[str]:
        try:
            with connect(f"ws://127.0.0.1:{PORT}{path}", additional_headers=sent) as connection:
                talk(connection)
        except RefusedError as refused:
            return [f"refused with {refused.response.status_code}"]
        except ConnectionClosed as closed:
            return [f"closed with {closed.code}"]
        return ["left"]

    return request


def echo_twice(connection: ClientConnection) -> None:
    """Say something twice and hear it."""
    for text in ("one", "two"):
        connection.send(text)
        assert connection.recv(timeout=5) == text


def server_spans(seen: Seen) -> list[dict[str, Any]]:
    """Return the server's spans of a case."""
    return [span for span in seen["spans"] if span["kind"] == "SERVER"]


def _own_scope(case: str, wanted: Seen, own: Seen) -> None:
    for item in (*wanted["spans"], *wanted["points"]):
        if item["scope"][0].startswith("opentelemetry.instrumentation."):
            name = item["scope"][0].replace("opentelemetry", "dbx_otel")
            item["scope"] = [name, "https://opentelemetry.io/schemas/1.21.0"]


def _no_message_spans(case: str, wanted: Seen, own: Seen) -> None:
    messages = tuple(f" {kind} {way}" for kind in ("http", "websocket") for way in ("receive", "send"))
    wanted["spans"] = [span for span in wanted["spans"] if not span["name"].endswith(messages)]


def _host_without_port(case: str, wanted: Seen, own: Seen) -> None:
    for span in wanted["spans"]:
        found = span["attributes"]
        if "server.address" in found:
            found["server.address"] = found["server.address"].removesuffix(f":{found.get('server.port')}")


def _own_body_size(case: str, wanted: Seen, own: Seen) -> None:
    sent = {point["value"] for point in own["points"] if point["name"] == "http.server.response.body.size"}
    wanted["points"] = [
        point
        for point in wanted["points"]
        if point["name"] != "http.server.response.body.size" or point["value"] in sent
    ]


def _exceptions_once(case: str, wanted: Seen, own: Seen) -> None:
    for span in server_spans(wanted):
        kept: list[Any] = []
        for event in span["events"]:
            if event not in kept:
                kept.append(event)
        span["events"] = kept


def _signatures(case: str, wanted: Seen, own: Seen) -> None:
    if case == "query with a signature":
        for span in server_spans(wanted):
            span["attributes"]["url.query"] = "sig=REDACTED&x=1&X-Goog-Signature=REDACTED&signature=kept"


def _background_apart(case: str, wanted: Seen, own: Seen) -> None:
    if case == "background":
        for point in wanted["points"]:
            if point["is_long"]:
                point["is_long"] = False


def whole_routes(routes: dict[str, str]) -> Rule:
    """Return the rule about requests to what is mounted.

    Args:
        routes: For each case the route's whole template.
    """

    def apply(case: str, wanted: Seen, own: Seen) -> None:
        if case not in routes:
            return
        (server,) = server_spans(wanted)
        doubles = [span for span in wanted["spans"] if span["kind"] == "INTERNAL" and "url.path" in span["attributes"]]
        method, _, outer = server["name"].partition(" ")
        wanted["spans"] = [span for span in wanted["spans"] if span not in doubles]
        name = f"{method} {routes[case]}"
        for span in wanted["spans"]:
            if span["parent"] in {server["name"], *(double["name"] for double in doubles)}:
                span["parent"] = name
        server["name"], server["attributes"]["http.route"] = name, routes[case]
        server["events"] = server["events"] or [event for double in doubles for event in double["events"]]
        if doubles:
            # The inner one has answered with its own trace already.
            for header in ("traceresponse", "access_control_expose_headers"):
                server["attributes"].pop(f"http.response.header.{header}", None)
            wanted["answer"] = [line for n, line in enumerate(wanted["answer"]) if line not in wanted["answer"][:n]]
        wanted["points"] = [
            point
            for point in wanted["points"]
            if point["scope"] == server["scope"]
            and (point["name"] == "http.server.active_requests" or point["attributes"].get("http.route", "") == outer)
        ]
        for point in wanted["points"]:
            if point["name"] != "http.server.active_requests":
                point["attributes"]["http.route"] = routes[case]

    reason = "an app inside of an app makes no second span, and http.route has all its parts (semantic conventions)"
    return Rule("whole routes", reason, apply)


def _paths_are_no_routes(case: str, wanted: Seen, own: Seen) -> None:
    if case in {"by host, but nowhere", "route without a path"}:
        (span,) = server_spans(wanted)
        span["name"] = "GET"
        for item in (span, *wanted["points"]):
            item["attributes"].pop("http.route", None)


PATHS_ARE_NO_ROUTES = Rule(
    "paths are no routes", "a path in place of a route would make a metric series each", _paths_are_no_routes
)
"""Not of FastAPI of today."""

EXCEPTIONS_ONCE = Rule(
    "exceptions once", "an exception that is seen twice on its way is one exception", _exceptions_once
)
"""FastAPI's alone."""

RULES = [
    Rule("signatures", "what lets in whoever has the link is not shown (semantic conventions, url.query)", _signatures),
    Rule("background apart", "a request's duration ends with its response, as its span does", _background_apart),
    Rule("own scope", "a span says which library has made it: ours", _own_scope),
    Rule("no message spans", "a span for each message says nothing that the server's does not", _no_message_spans),
    Rule("host without port", "server.address is the host alone; server.port has the port", _host_without_port),
    Rule(
        "own body size", "contrib keeps the size of the last response that had one and records it again", _own_body_size
    ),
]
"""Differences of both frameworks."""
