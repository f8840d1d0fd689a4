# SPDX-License-Identifier: Apache-2.0
"""Requests to FastAPI apps."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from tests.comparison import asgi_corpus
from tests.comparison.asgi_corpus import TRACEPARENT, Cases, echo_twice, http, served, websocket

ENVIRONMENT = {
    "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "/excluded, ^[a-z]+://[^/?#]+/health$",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": "X-Captured.*,Accept-Language",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE": "X-Answered.*,content-type",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS": ".*hidden.*",
}


def instrument(variant: str) -> None:
    if variant == "own":
        for framework, module in (("starlette", "starlette.applications"), ("fastapi", "fastapi")):
            import_module(f"dbx_otel.instrumentation.{framework}").instrument(import_module(module))
    else:
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.instrumentation.starlette import StarletteInstrumentor

        StarletteInstrumentor().instrument()
        FastAPIInstrumentor().instrument()


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[None]:
    from opentelemetry import trace

    with trace.get_tracer("app").start_as_current_span("lifespan"):
        yield


def make_app() -> Any:  # noqa: C901, PLR0915 -- a list of routes
    import fastapi
    from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException, WebSocket
    from fastapi.middleware.cors import CORSMiddleware
    from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
    from fastapi.staticfiles import StaticFiles
    from opentelemetry import trace
    from starlette.applications import Starlette
    from starlette.middleware.base import BaseHTTPMiddleware
    from starlette.routing import Host, Mount, Route, Router

    app = fastapi.FastAPI(lifespan=lifespan)

    class OddError(Exception):
        pass

    @app.exception_handler(OddError)
    async def odd(request: Any, error: OddError) -> JSONResponse:
        return JSONResponse({"odd": str(error)}, status_code=418)

    @app.get("/ping")
    async def ping() -> dict[str, str]:
        with trace.get_tracer("app").start_as_current_span("inside"):
            return {"pong": "1"}

    @app.get("/sync/{tag}")
    def sync(tag: str) -> str:
        with trace.get_tracer("app").start_as_current_span("inside a thread"):
            return tag

    @app.get("/items/{item_id}")
    async def item(item_id: int, q: str | None = None) -> dict[str, Any]:
        return {"item": item_id, "q": q}

    @app.get("/items/{item_id}/parts/{part:path}")
    async def part(item_id: int, part: str) -> str:
        return part

    @app.post("/items")
    async def create(body: dict[str, Any]) -> dict[str, Any]:
        return body

    @app.put("/items/{item_id}")
    async def replace(item_id: int) -> int:
        return item_id

    @app.delete("/items/{item_id}", status_code=204)
    async def delete(item_id: int) -> None:
        return None

    @app.patch("/items/{item_id}")
    async def patch(item_id: int) -> int:
        return item_id

    @app.api_route("/any", methods=["GET", "POST", "OPTIONS", "TRACE", "FOO"])
    async def any_method() -> str:
        return "any"

    @app.get("/redirect")
    async def redirect() -> RedirectResponse:
        return RedirectResponse("/ping")

    @app.get("/slash/")
    async def slash() -> str:
        return "slash"

    @app.get("/status/{code}")
    async def status(code: int) -> PlainTextResponse:
        return PlainTextResponse("status", status_code=code, headers={"X-Answered-By": "me", "X-Answered-Hidden": "x"})

    @app.get("/error/http/{code}")
    async def http_error(code: int) -> None:
        raise HTTPException(code, "no")

    @app.get("/error/handled")
    async def handled() -> None:
        raise OddError("handled")

    @app.get("/error/unhandled")
    async def unhandled() -> None:
        raise ValueError("unhandled")

    @app.get("/error/unhandled-sync")
    def unhandled_sync() -> None:
        raise KeyError("unhandled")

    async def broken_dependency() -> None:
        raise RuntimeError("dependency")

    @app.get("/error/dependency")
    async def dependent(_: Annotated[None, Depends(broken_dependency)]) -> str:
        return "never"

    async def chunks(count: int, fail_at: int = -1) -> AsyncIterator[bytes]:
        for number in range(count):
            if number == fail_at:
                raise OSError("in the middle")
            yield b"x" * 2000
            await asyncio.sleep(0.01)

    @app.get("/stream/{count}")
    async def stream(count: int) -> StreamingResponse:
        return StreamingResponse(chunks(count))

    @app.get("/stream-fails/{at}")
    async def stream_fails(at: int) -> StreamingResponse:
        return StreamingResponse(chunks(3, at))

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(Path(__file__))

    def work(seconds: float) -> None:
        time.sleep(seconds)

    async def async_work() -> None:
        with trace.get_tracer("app").start_as_current_span("in the background"):
            await asyncio.sleep(0)

    def failing_work() -> None:
        raise LookupError("background")

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> str:
        tasks.add_task(work, 1.2)
        tasks.add_task(async_work)
        return "later"

    @app.get("/background-fails")
    async def background_fails(tasks: BackgroundTasks) -> str:
        tasks.add_task(failing_work)
        return "later"

    @app.get("/excluded/{tag}")
    async def excluded(tag: str) -> str:
        with trace.get_tracer("app").start_as_current_span("inside of an excluded one"):
            return tag

    @app.get("/health")
    async def health() -> str:
        return "well"

    @app.websocket("/ws/{room}")
    async def ws(websocket: WebSocket, room: str) -> None:
        await websocket.accept(headers=[(b"x-answered-by", b"ws")])
        for _ in range(2):
            await websocket.send_text(await websocket.receive_text())
        await websocket.close(4001)

    @app.websocket("/ws-until-closed")
    async def ws_until_closed(websocket: WebSocket) -> None:
        await websocket.accept()
        while True:
            await websocket.send_text(await websocket.receive_text())

    @app.websocket("/ws-denied")
    async def ws_denied(websocket: WebSocket) -> None:
        await websocket.close(1008)

    @app.websocket("/ws-denied-with-response")
    async def ws_denied_with_response(websocket: WebSocket) -> None:
        await websocket.send_denial_response(PlainTextResponse("no", status_code=401))

    @app.websocket("/ws-fails")
    async def ws_fails(websocket: WebSocket) -> None:
        await websocket.accept()
        raise ValueError("websocket")

    @app.websocket("/ws-fails-at-once")
    async def ws_fails_at_once(websocket: WebSocket) -> None:
        raise ValueError("before accept")

    router = APIRouter(prefix="/router")

    @router.get("/things/{thing}")
    async def thing(thing: str) -> str:
        return thing

    @router.websocket("/ws")
    async def router_ws(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    inner = APIRouter(prefix="/inner")
    inner.include_router(router, prefix="/nested")
    app.include_router(router)
    app.include_router(router, prefix="/again")
    app.include_router(inner)

    sub = fastapi.FastAPI()

    @sub.get("/users/{user}")
    async def user(user: str) -> str:
        with trace.get_tracer("app").start_as_current_span("inside a mounted app"):
            return user

    @sub.get("/broken")
    async def broken() -> None:
        raise ValueError("mounted")

    async def plain(request: Any) -> PlainTextResponse:
        return PlainTextResponse("plain")

    app.mount("/sub", sub)
    app.mount("/tenants/{tenant}", sub)
    app.mount("/starlette", Starlette(routes=[Route("/plain/{x}", plain), Mount("/deep", routes=[Route("/p", plain)])]))
    app.mount("/static", StaticFiles(directory=Path(__file__).parent))
    app.mount("/router-only", Router([Route("/r/{x}", plain)]))
    app.router.routes.append(Host("by-host.example", Router([Route("/hosted/{x}", plain)])))
    app.add_middleware(CORSMiddleware, allow_origins=["*"])

    async def dispatch(request: Any, call_next: Any) -> Any:
        if "x-refuse" in request.headers:
            return PlainTextResponse("refused", status_code=403)
        if "x-break" in request.headers:
            raise RuntimeError("middleware")
        return await call_next(request)

    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    return app


def make_other_app() -> Any:
    """Return an app with an error page of its own, under a root path."""
    import fastapi
    from fastapi.responses import PlainTextResponse

    app = fastapi.FastAPI(root_path="/root")

    @app.exception_handler(Exception)
    async def error_page(request: Any, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("sorry", status_code=400)

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError("with a page of its own")

    @app.get("/well")
    async def well() -> str:
        return "well"

    return app


def requests() -> dict[str, Any]:
    some_body = b'{"a": 1}'
    json = "application/json"
    return {
        "ping": http("/ping"),
        "ping with a query": http("/ping?a=1&b=%20c&c="),
        "query with a signature": http("/ping?sig=abc&x=1&X-Goog-Signature=def&signature=kept"),
        "a route in a thread": http("/sync/tag"),
        "path parameter": http("/items/1?q=2"),
        "encoded path": http("/sync/%C5%BEofie%20x"),
        "path with slashes": http("/items/1/parts/a/b/c"),
        "validation error": http("/items/not-a-number"),
        "post": http("/items", "POST", some_body, Content_Type=json),
        "post that is no json": http("/items", "POST", b"{", Content_Type=json),
        "post with an odd length": http("/items", "POST", b"{}", Content_Type=json, X_Other="1"),
        "put": http("/items/1", "PUT", b""),
        "delete": http("/items/1", "DELETE"),
        "patch": http("/items/1", "PATCH"),
        "head": http("/ping", "HEAD"),
        "options": http("/any", "OPTIONS"),
        "preflight": http("/ping", "OPTIONS", Origin="http://x.example", Access_Control_Request_Method="GET"),
        "trace": http("/any", "TRACE"),
        "query method": http("/any", "QUERY"),
        "unknown method": http("/any", "FOO"),
        "unknown method on a route that has others": http("/ping", "BREW"),
        "unknown method on no route": http("/nowhere", "BREW"),
        "not allowed": http("/ping", "POST", b""),
        "not found": http("/nowhere/at/all"),
        "the root": http("/"),
        "docs": http("/docs"),
        "openapi": http("/openapi.json"),
        "redirect": http("/redirect"),
        "redirect of a slash": http("/slash"),
        "redirect of a superfluous slash": http("/ping/"),
        **{f"status {code}": http(f"/status/{code}") for code in (200, 201, 204, 302, 400, 404, 429, 499, 500, 503)},
        **{f"http error {code}": http(f"/error/http/{code}") for code in (401, 403, 404, 500, 502)},
        "handled exception": http("/error/handled"),
        "unhandled exception": http("/error/unhandled"),
        "unhandled exception in a thread": http("/error/unhandled-sync"),
        "unhandled exception in a dependency": http("/error/dependency"),
        "middleware refuses": http("/items/1", X_Refuse="1"),
        "middleware refuses what is nowhere": http("/nowhere", X_Refuse="1"),
        "middleware breaks": http("/items/1", X_Break="1"),
        "stream": http("/stream/3"),
        "empty stream": http("/stream/0"),
        "stream that fails at once": http("/stream-fails/0"),
        "stream that fails later": http("/stream-fails/2"),
        "client goes away": http("/stream/500", leave_after=3000),
        "file": http("/file"),
        "range of a file": http("/file", Range="bytes=10-19"),
        "range that is none": http("/file", Range="bytes=10000000-"),
        "static file": http("/static/harness.py"),
        "static file that is not there": http("/static/nothing"),
        "background": http("/background"),
        "background that fails": http("/background-fails"),
        "excluded": http("/excluded/1"),
        "excluded by an anchored pattern": http("/health"),
        "excluded by nothing but the query": http("/ping?/excluded"),
        "captured headers": http(
            "/status/200", X_Captured_One="1", X_Captured_Hidden="2", Accept_Language="de", X_Not="3"
        ),
        "captured header twice": http("/status/200", X_Captured="1", X_captured="2"),
        "user agent": http("/ping", User_Agent="curl/8"),
        "user agent that is a bot": http("/ping", User_Agent="Mozilla/5.0 (compatible; Googlebot/2.1)"),
        "user agent that is a test": http("/ping", User_Agent="AlwaysOn"),
        "user agent beyond ASCII": http("/ping", User_Agent="\u00e4"),
        "remote parent": http("/ping", traceparent=TRACEPARENT),
        "remote parent with state": http("/ping", traceparent=TRACEPARENT, tracestate="a=b", baggage="c=d"),
        "remote parent that is none": http("/ping", traceparent="00-zz-11-01"),
        "http 1.0": http("/ping", version="1.0"),
        "no host": http("/ping", version="1.0", host=None),
        "host of IPv6": http("/ping", host="[::1]:8000"),
        "host of somebody else": http("/ping", host="orders.example"),
        "by host": http("/hosted/1", host="by-host.example"),
        "by host, but nowhere": http("/elsewhere", host="by-host.example"),
        "forwarded scheme": http("/ping", X_Forwarded_Proto="https", X_Forwarded_For="203.0.113.7"),
        "router": http("/router/things/1"),
        "router again": http("/again/router/things/1"),
        "router in a router": http("/inner/nested/router/things/1"),
        "router, but nowhere": http("/router/nothing"),
        "router, not allowed": http("/router/things/1", "POST", b""),
        "mounted app": http("/sub/users/1"),
        "mounted app, another time": http("/sub/users/2"),
        "mounted app, but nowhere": http("/sub/nothing"),
        "mounted app, not allowed": http("/sub/users/1", "POST", b""),
        "mounted app's docs": http("/sub/docs"),
        "mounted app that breaks": http("/sub/broken"),
        "mounted under a parameter": http("/tenants/acme/users/1"),
        "mounted under another value": http("/tenants/other/users/1"),
        "mounted Starlette": http("/starlette/plain/1"),
        "mounted Starlette, deep": http("/starlette/deep/p"),
        "mounted router": http("/router-only/r/1"),
        "websocket": websocket("/ws/1", echo_twice),
        "websocket with a remote parent": websocket("/ws/1", echo_twice, traceparent=TRACEPARENT),
        "websocket that the client closes": websocket("/ws-until-closed", echo_twice),
        "websocket that is closed at once": websocket("/ws-until-closed"),
        "websocket denied": websocket("/ws-denied"),
        "websocket denied with a response": websocket("/ws-denied-with-response"),
        "websocket that fails": websocket("/ws-fails"),
        "websocket that fails at once": websocket("/ws-fails-at-once"),
        "websocket on no route": websocket("/ws-nowhere"),
        "websocket of a router": websocket("/router/ws"),
        "websocket on a route that is none": websocket("/ping"),
        "exception with a page of its own": http("/prefixed/fails"),
        "under a root path": http("/prefixed/well"),
        "under a root path, but nowhere": http("/prefixed/nothing"),
    }


@contextmanager
def cases() -> Iterator[Cases]:
    app, other = make_app(), make_other_app()

    async def switch(scope: Any, receive: Any, send: Any) -> None:
        chosen = other if scope.get("path", "").startswith("/prefixed/") else app
        await chosen(scope, receive, send)

    with served(switch) as case:
        yield {name: case(request) for name, request in requests().items()}


RULES = [
    *asgi_corpus.RULES,
    asgi_corpus.EXCEPTIONS_ONCE,
    asgi_corpus.whole_routes(
        {
            "mounted app": "/sub/users/{user}",
            "mounted app, another time": "/sub/users/{user}",
            "mounted app, but nowhere": "/sub",
            "mounted app, not allowed": "/sub/users/{user}",
            "mounted app's docs": "/sub/docs",
            "mounted app that breaks": "/sub/broken",
            "mounted under a parameter": "/tenants/{tenant}/users/{user}",
            "mounted under another value": "/tenants/{tenant}/users/{user}",
            "mounted Starlette": "/starlette/plain/{x}",
            "mounted Starlette, deep": "/starlette/deep/p",
            "mounted router": "/router-only/r/{x}",
            "by host": "/hosted/{x}",
        }
    ),
]
OLDER_RULES = [asgi_corpus.PATHS_ARE_NO_ROUTES]
