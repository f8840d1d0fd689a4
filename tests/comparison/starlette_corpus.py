# SPDX-License-Identifier: Apache-2.0
"""Requests to Starlette apps."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.comparison import asgi_corpus
from tests.comparison.asgi_corpus import TRACEPARENT, Cases, echo_twice, http, served, server_spans, websocket
from tests.comparison.harness import Rule
from tests.comparison.recorder import Seen

ENVIRONMENT = {
    "OTEL_PYTHON_EXCLUDED_URLS": "/excluded",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": ".*captured.*",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE": ".*",
}


def instrument(variant: str) -> None:
    if variant == "own":
        import_module("dbx_otel.instrumentation.starlette").instrument(import_module("starlette.applications"))
    else:
        from opentelemetry.instrumentation.starlette import StarletteInstrumentor

        StarletteInstrumentor().instrument()


def make_app() -> Any:  # noqa: C901, PLR0915 -- a list of routes
    from opentelemetry import trace
    from opentelemetry.instrumentation import propagators
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.requests import Request
    from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
    from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute
    from starlette.staticfiles import StaticFiles
    from starlette.websockets import WebSocket

    propagators.set_global_response_propagator(propagators.TraceResponsePropagator())  # type: ignore[no-untyped-call]  # contrib's

    async def echo(request: Request) -> JSONResponse:
        with trace.get_tracer("app").start_as_current_span("inside"):
            return JSONResponse({"path": dict(request.path_params), "body": (await request.body()).decode()})

    def sync(request: Request) -> PlainTextResponse:
        with trace.get_tracer("app").start_as_current_span("inside a thread"):
            return PlainTextResponse("sync")

    async def status(request: Request) -> PlainTextResponse:
        return PlainTextResponse("status", status_code=request.path_params["code"], headers={"X-Answered": "1"})

    async def http_error(request: Request) -> None:
        raise HTTPException(request.path_params["code"])

    async def fails(request: Request) -> None:
        raise ValueError("unhandled")

    def fails_in_a_thread(request: Request) -> None:
        raise LookupError("unhandled")

    async def handled(request: Request) -> None:
        raise TypeError("handled")

    async def on_type_error(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("handled", status_code=422)

    async def chunks(count: int, fail_at: int = -1) -> AsyncIterator[bytes]:
        for number in range(count):
            if number == fail_at:
                raise OSError("in the middle")
            yield b"x" * 2000
            await asyncio.sleep(0.01)

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(chunks(request.path_params["count"]))

    async def stream_fails(request: Request) -> StreamingResponse:
        return StreamingResponse(chunks(3, request.path_params["at"]))

    async def file(request: Request) -> FileResponse:
        return FileResponse(Path(__file__))

    async def redirect(request: Request) -> RedirectResponse:
        return RedirectResponse("/echo")

    async def background(request: Request) -> PlainTextResponse:
        return PlainTextResponse("later", background=BackgroundTask(time.sleep, 1.2))

    async def background_fails(request: Request) -> PlainTextResponse:
        return PlainTextResponse("later", background=BackgroundTask(fails_in_a_thread, request))

    class Endpoint(HTTPEndpoint):
        async def get(self, request: Request) -> PlainTextResponse:
            return PlainTextResponse(f"endpoint {request.method}")

    class Socket(WebSocketEndpoint):
        encoding = "text"

        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            await websocket.send_text(data)

    async def raw(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"3")]})
        await send({"type": "http.response.body", "body": b"raw"})

    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        for _ in range(2):
            await websocket.send_text(await websocket.receive_text())
        await websocket.close(4000)

    async def ws_denied(websocket: WebSocket) -> None:
        await websocket.close(1008)

    async def ws_fails(websocket: WebSocket) -> None:
        await websocket.accept()
        raise ValueError("websocket")

    class Refuse:
        """Middleware as bare as can be."""

        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            headers = dict(scope.get("headers", ()))
            if b"x-refuse" in headers:
                await PlainTextResponse("refused", status_code=403)(scope, receive, send)
            elif b"x-break" in headers:
                raise RuntimeError("middleware")
            elif b"x-copy" in headers:
                await self.app(dict(scope), receive, send)
            else:
                await self.app(scope, receive, send)

    class Custom(BaseRoute):
        """A route without a path."""

        def matches(self, scope: Any) -> Any:
            from starlette.routing import Match

            is_mine = scope["type"] == "http" and scope["path"] == "/custom"
            return (Match.FULL, {"endpoint": raw}) if is_mine else (Match.NONE, {})

        async def handle(self, scope: Any, receive: Any, send: Any) -> None:
            await raw(scope, receive, send)

    inner = Starlette(routes=[Route("/users/{user}", echo), Route("/fails", fails)])
    routes = [
        Route("/", echo),
        Route("/echo", echo, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
        Route("/echo/{name}", echo),
        Route("/number/{n:int}/of/{rest:path}", echo),
        Route("/sync", sync),
        Route("/any", Endpoint),
        Route("/slash/", echo),
        Route("/status/{code:int}", status),
        Route("/http-error/{code:int}", http_error),
        Route("/fails", fails),
        Route("/fails-in-a-thread", fails_in_a_thread),
        Route("/handled", handled),
        Route("/stream/{count:int}", stream),
        Route("/stream-fails/{at:int}", stream_fails),
        Route("/file", file),
        Route("/redirect", redirect),
        Route("/background", background),
        Route("/background-fails", background_fails),
        Route("/excluded/{x}", echo),
        Custom(),
        WebSocketRoute("/ws/{room}", ws),
        WebSocketRoute("/ws-endpoint", Socket),
        WebSocketRoute("/ws-denied", ws_denied),
        WebSocketRoute("/ws-fails", ws_fails),
        Mount("/mounted", routes=[Route("/echo/{x}", echo), Mount("/deeper", routes=[Route("/echo/{y}", echo)])]),
        Mount("/inner", app=inner),
        Mount("/tenants/{tenant}", app=inner),
        Mount("/raw", app=raw),
        Mount("/static", app=StaticFiles(directory=Path(__file__).parent)),
        Host("by-host.example", Router([Route("/hosted/{x}", echo)])),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={TypeError: on_type_error},
        middleware=[Middleware(GZipMiddleware, minimum_size=100_000)],
    )
    app.add_middleware(Refuse)
    return app


def requests() -> dict[str, Any]:
    return {
        "echo": http("/echo"),
        "the root": http("/"),
        "query": http("/echo?a=1&b=2"),
        "query with a signature": http("/echo?sig=abc&x=1&X-Goog-Signature=def&signature=kept"),
        "path parameter": http("/echo/ada"),
        "converters": http("/number/5/of/a/b/c"),
        "converter that does not match": http("/number/five/of/a"),
        "encoded path": http("/echo/%C5%BEofie%20x"),
        "in a thread": http("/sync"),
        **{f"method {method}": http("/echo", method, b"body") for method in ("POST", "PUT", "DELETE", "PATCH")},
        "head": http("/echo", "HEAD"),
        "not allowed": http("/echo/ada", "POST", b""),
        "endpoint": http("/any"),
        "endpoint, not allowed": http("/any", "POST", b""),
        "unknown method": http("/echo", "BREW"),
        "unknown method on no route": http("/nowhere", "BREW"),
        "options": http("/echo", "OPTIONS"),
        "not found": http("/nowhere/at/all"),
        "redirect": http("/redirect"),
        "redirect of a slash": http("/slash"),
        **{f"status {code}": http(f"/status/{code}") for code in (200, 204, 301, 400, 404, 418, 500, 503)},
        **{f"http error {code}": http(f"/http-error/{code}") for code in (401, 403, 500)},
        "unhandled exception": http("/fails"),
        "unhandled exception in a thread": http("/fails-in-a-thread"),
        "handled exception": http("/handled"),
        "stream": http("/stream/3"),
        "empty stream": http("/stream/0"),
        "stream that fails at once": http("/stream-fails/0"),
        "stream that fails later": http("/stream-fails/2"),
        "client goes away": http("/stream/500", leave_after=3000),
        "file": http("/file"),
        "range of a file": http("/file", Range="bytes=0-9"),
        "static file": http("/static/harness.py"),
        "static file that is not there": http("/static/nothing"),
        "background": http("/background"),
        "background that fails": http("/background-fails"),
        "excluded": http("/excluded/1"),
        "excluded by its host": http("/echo", host="x/excluded/"),
        "captured headers": http("/echo", X_Captured="1", Captured_Too="2", Not="3"),
        "user agent": http("/echo", User_Agent="curl/8"),
        "user agent that is a bot": http("/echo", User_Agent="bingbot"),
        "remote parent": http("/echo", traceparent=TRACEPARENT),
        "remote parent with state": http("/echo", traceparent=TRACEPARENT, tracestate="a=b", baggage="c=d"),
        "http 1.0": http("/echo", version="1.0"),
        "no host": http("/echo", version="1.0", host=None),
        "host of IPv6": http("/echo", host="[::1]:8000"),
        "by host": http("/hosted/1", host="by-host.example"),
        "by host, but nowhere": http("/elsewhere", host="by-host.example"),
        "route without a path": http("/custom"),
        "later middleware refuses": http("/echo/ada", X_Refuse="1"),
        "later middleware breaks": http("/echo/ada", X_Break="1"),
        "middleware hands on a copy": http("/echo/ada", X_Copy="1"),
        "middleware hands on a copy to a mount": http("/mounted/echo/1", X_Copy="1"),
        "mounted": http("/mounted/echo/1"),
        "mounted deeper": http("/mounted/deeper/echo/1"),
        "mounted, but nowhere": http("/mounted/nothing"),
        "mounted app": http("/inner/users/1"),
        "mounted app, another time": http("/inner/users/2"),
        "mounted app that fails": http("/inner/fails"),
        "mounted under a parameter": http("/tenants/acme/users/1"),
        "mounted under another value": http("/tenants/other/users/1"),
        "mounted without routes": http("/raw/anything/at/all"),
        "websocket": websocket("/ws/1", echo_twice),
        "websocket with a remote parent": websocket("/ws/1", echo_twice, traceparent=TRACEPARENT),
        "websocket endpoint": websocket("/ws-endpoint", echo_twice),
        "websocket denied": websocket("/ws-denied"),
        "websocket that fails": websocket("/ws-fails"),
        "websocket on no route": websocket("/ws-nowhere"),
    }


@contextmanager
def cases() -> Iterator[Cases]:
    with served(make_app()) as case:
        yield {name: case(request) for name, request in requests().items()}


def _known_method(case: str, wanted: Seen, own: Seen) -> None:
    for span in server_spans(wanted):
        span["name"] = span["name"].replace("BREW", "HTTP")


def _named_websocket(case: str, wanted: Seen, own: Seen) -> None:
    for span in server_spans(wanted):
        span["name"] = span["name"] or "HTTP"


ERROR_PAGES = {
    "unhandled exception",
    "unhandled exception in a thread",
    "stream that fails at once",
    "mounted app that fails",
}


def _error_page(case: str, wanted: Seen, own: Seen) -> None:
    if case not in ERROR_PAGES or not wanted["answer"][0].startswith("HTTP/1.1 500"):
        return  # older versions begin a response before they know whether there is any
    (span,) = server_spans(wanted)
    status = {"http.response.status_code": 500, "error.type": "500"}
    headers = {"content_length": ["21"], "content_type": ["text/plain; charset=utf-8"]}
    span["attributes"].update({f"http.response.header.{name}": value for name, value in headers.items()})
    span["attributes"].update(status)
    span["description"] = None
    wanted["points"] = [point for point in wanted["points"] if point["name"] != "http.server.response.body.size"]
    for point in list(wanted["points"]):
        if point["name"] == "http.server.request.duration":
            point["attributes"].update(status)
            wanted["points"].append(_body_size(point, 21))
    _with_trace_headers(wanted)


def _with_trace_headers(wanted: Seen) -> None:
    """The app's answer bears the headers of the response propagator, as all answers do."""
    status, *headers, length = wanted["answer"]
    wanted["answer"] = [status, *sorted([*headers, "access-control-expose-headers", "traceresponse"]), length]


def _body_size(duration: dict[str, Any], size: int) -> dict[str, Any]:
    """Return the point of a response's size, given that of how long it took."""
    return {
        **duration,
        "name": "http.server.response.body.size",
        "unit": "By",
        "description": "Size of HTTP server response bodies.",
        "value": size,
        "is_long": None,
        "bounds": [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000],
    }


def _all_requests(case: str, wanted: Seen, own: Seen) -> None:
    """What contrib has nothing of is made as contrib would make it."""
    unseen = {
        "excluded by its host": ("/echo", "/echo", 200, 21),
        "later middleware refuses": ("/echo/ada", "/echo/{name}", 403, 7),
        "later middleware breaks": ("/echo/ada", "/echo/{name}", 500, 21),
    }
    if case not in unseen:
        return
    path, route, status, size = unseen[case]
    scope = ["dbx_otel.instrumentation.starlette", "https://opentelemetry.io/schemas/1.21.0"]
    attributes: dict[str, Any] = {
        "http.request.method": "GET",
        "http.route": route,
        "network.protocol.version": "1.1",
        "url.scheme": "http",
        "http.response.status_code": status,
        **({"error.type": str(status)} if status == 500 else {}),
    }
    kind = "application/json" if status == 200 else "text/plain; charset=utf-8"
    error = {"exception.type": "RuntimeError", "exception.message": "middleware", "exception.escaped": "False"}
    server = {
        "name": f"GET {route}",
        "kind": "SERVER",
        "parent": None,
        "trace_id": None,
        "attributes": {
            **attributes,
            "server.address": "127.0.0.1",
            "server.port": server_spans(own)[0]["attributes"]["server.port"],
            "url.path": path,
            "client.address": "127.0.0.1",
            "client.port": "a port",
            "http.response.header.content_length": [str(size)],
            "http.response.header.content_type": [kind],
        },
        "status": "ERROR" if status == 500 else "UNSET",
        "description": None,
        "events": [{"name": "exception", "attributes": error}] if status == 500 else [],
        "scope": scope,
    }
    for span in wanted["spans"]:
        span["parent"] = server["name"]
    wanted["spans"].append(server)
    duration = {
        "name": "http.server.request.duration",
        "unit": "s",
        "description": "Duration of HTTP server requests.",
        "scope": scope,
        "attributes": attributes,
        "count": 1,
        "value": None,
        "is_long": False,
        "bounds": [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
        "has_exemplar": True,
    }
    active = {
        **duration,
        "name": "http.server.active_requests",
        "unit": "{request}",
        "description": "Number of active HTTP server requests.",
        "attributes": {"http.request.method": "GET", "url.scheme": "http"},
        "count": None,
        "value": 0,
        "is_long": None,
        "bounds": [],
        "has_exemplar": False,
    }
    wanted["points"] += [duration, active, _body_size(duration, size)]
    _with_trace_headers(wanted)


RULES = [
    *asgi_corpus.RULES,
    Rule("all requests", "no middleware and no Host header keeps a request out of the records", _all_requests),
    asgi_corpus.PATHS_ARE_NO_ROUTES,
    Rule(
        "known methods",
        "anybody can send any method: HTTP stands for an unknown one (semantic conventions)",
        _known_method,
    ),
    Rule("named websocket", "a span has a name", _named_websocket),
    Rule("error page", "the page that tells of an unhandled exception is the response, status and all", _error_page),
    asgi_corpus.whole_routes(
        {
            "mounted": "/mounted/echo/{x}",
            "middleware hands on a copy to a mount": "/mounted/echo/{x}",
            "mounted deeper": "/mounted/deeper/echo/{y}",
            "mounted app": "/inner/users/{user}",
            "mounted app, another time": "/inner/users/{user}",
            "mounted app that fails": "/inner/fails",
            "mounted under a parameter": "/tenants/{tenant}/users/{user}",
            "mounted under another value": "/tenants/{tenant}/users/{user}",
            "by host": "/hosted/{x}",
        }
    ),
]
