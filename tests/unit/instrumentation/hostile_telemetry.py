# SPDX-License-Identifier: Apache-2.0
"""Serves and makes calls while all that spans and metrics are made of raises now and then; prints what went wrong."""

import asyncio
import logging
import random
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import fastapi
import flask
import httpx
import requests
from opentelemetry import context, trace
from werkzeug.test import EnvironBuilder, run_wsgi_app

from dbx_otel.instrumentation import fastapi as fastapi_hook
from dbx_otel.instrumentation import flask as flask_hook
from dbx_otel.instrumentation import flask_entry
from dbx_otel.instrumentation import httpx as httpx_hook
from dbx_otel.instrumentation import requests as requests_hook
from dbx_otel.metrics import synchronous
from dbx_otel.tracing.provider import TracerProvider

ROUNDS = 25
chance = random.Random(int(sys.argv[1]))
raised: set[str] = set()
is_on = False


def hostile(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that raises before it has done its work, or does it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if is_on and chance.random() < 0.4:
            raised.add(name)
            raise ZeroDivisionError(name)
        return method(*args, **kwargs)

    return call


class Hostile:
    """A tracer or span whose methods raise."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name == "start_span":
            return hostile(name, lambda *args, **kwargs: Span(found(*args, **kwargs)))  # type: ignore[abstract]  # filled below
        return hostile(name, found) if callable(found) else found


class Span(Hostile, trace.Span):
    """A span whose methods raise."""


for method in trace.Span.__abstractmethods__:

    def through(self: Any, *args: Any, _method: str = method, **kwargs: Any) -> Any:
        return Hostile.__getattr__(self, _method)(*args, **kwargs)

    setattr(Span, method, through)
Span.__abstractmethods__ = frozenset()

provider = TracerProvider(on_end=lambda _: None)
vars(trace)["get_tracer"] = lambda *args, **kwargs: Hostile(provider.get_tracer(*args, **kwargs))
synchronous.Histogram.record = hostile("record", synchronous.Histogram.record)  # type: ignore[method-assign]
synchronous.UpDownCounter.add = hostile("add", synchronous.UpDownCounter.add)  # type: ignore[method-assign]
flask_hook.instrument(flask)
flask_entry.instrument(flask)
fastapi_hook.instrument(fastapi)
requests_hook.instrument(requests)
httpx_hook.instrument(httpx)

wsgi = flask.Flask("app")
wsgi.logger.disabled = True
wsgi.get("/", endpoint="index")(lambda: flask.Response(flask.stream_with_context(iter("ab"))))
wsgi.get("/fail", endpoint="fail")(lambda: dict[str, str]()["mine"])
asgi = fastapi.FastAPI()


@asgi.get("/")
async def index(tasks: fastapi.BackgroundTasks) -> None:
    tasks.add_task(logging.getLogger)


@asgi.get("/fail")
async def fail() -> None:
    raise KeyError("mine")


@asgi.websocket("/socket")
async def socket(it: fastapi.WebSocket) -> None:
    await it.accept()
    await it.send_text("x")


def by_wsgi(path: str) -> tuple[str, int]:
    chunks, status, _ = run_wsgi_app(wsgi, EnvironBuilder(path=path).get_environ())
    return status, len("".join(chunk.decode() for chunk in chunks))


def by_asgi(path: str, kind: str = "http") -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message.get("status", message["type"]))

    async def receive() -> Any:
        return {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request"}

    async def serve() -> None:
        scope = {"type": kind, "method": "GET", "path": path, "headers": [], "query_string": b""}
        await asgi(scope, receive, send)

    try:
        asyncio.run(serve())
    except KeyError as error:
        sent.append(repr(error))
    return sent


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/moved" else 200)
        self.send_header("Location", "/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


async def by_async_client(url: str) -> int:
    async with httpx.AsyncClient(verify=False) as own:
        return (await own.get(url)).status_code


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return type(error).__name__


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}"
client = httpx.Client()
NOBODY = "http://127.0.0.1:1/"
CASES: dict[str, Callable[[], Any]] = {
    "flask": lambda: by_wsgi("/"),
    "flask, a failure": lambda: by_wsgi("/fail"),
    "flask, no route": lambda: by_wsgi("/nowhere"),
    "fastapi": lambda: by_asgi("/"),
    "fastapi, a failure": lambda: by_asgi("/fail"),
    "fastapi, no route": lambda: by_asgi("/nowhere"),
    "fastapi, a websocket": lambda: by_asgi("/socket", "websocket"),
    "requests": lambda: requests.get(f"{URL}/moved", timeout=5).status_code,
    "requests, nobody there": lambda: requests.get(NOBODY, timeout=5).status_code,
    "httpx": lambda: client.get(f"{URL}/moved").status_code,
    "httpx, nobody there": lambda: client.get(NOBODY).status_code,
    "httpx, asynchronous": lambda: asyncio.run(by_async_client(URL)),
}
before = context.get_current()
for name, case in CASES.items():
    is_on = False
    expected = outcome(case)
    is_on = True
    for _ in range(ROUNDS):
        found = outcome(case)
        if found != expected or context.get_current() != before:
            print(f"{name}: {found} instead of {expected}")
            break
print("raised:", *sorted(raised))
