# SPDX-License-Identifier: Apache-2.0
"""The template of the route that has served a request, and how often it is looked for."""

import asyncio
from typing import Any
from unittest.mock import patch

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute

from dbx_otel.instrumentation import starlette_routes
from dbx_otel.instrumentation.starlette_routes import Routes
from tests.unit.instrumentation.asgi_for_tests import scope


async def answer(request: Any) -> PlainTextResponse:
    return PlainTextResponse("ok")


async def talk(websocket: Any) -> None:
    await websocket.close()


def starlette() -> Starlette:
    inner = Starlette(routes=[Route("/users/{user}", answer), Route("/users", answer, methods=["POST"])])
    return Starlette(
        routes=[
            Route("/", answer),
            Route("/items/{item:int}", answer),
            Route("/items/{rest:path}", answer, methods=["DELETE"]),
            WebSocketRoute("/ws/{room}", talk),
            Mount("/inner", inner),
            Mount("/tenants/{tenant}", inner),
            Mount("/a", routes=[Mount("/b", routes=[Route("/c/{d}", answer)])]),
            Host("x.example", Router([Route("/hosted", answer)])),
        ]
    )


def fastapi() -> FastAPI:
    app, sub, router, leaf = FastAPI(), FastAPI(), APIRouter(prefix="/r"), APIRouter()

    @leaf.get("/leaf/{x}")
    async def leaf_endpoint(x: str) -> str:
        return x

    router.include_router(leaf, prefix="/p")
    app.include_router(router)
    app.include_router(router, prefix="/twice")
    app.include_router(leaf)
    sub.include_router(leaf)
    sub.add_route("/one", answer)
    sub.add_route("/two", answer)
    app.mount("/sub", sub)
    app.mount("/starlette", starlette())
    return app


CASES = [
    (starlette, "/", "/"),
    (starlette, "/items/5", "/items/{item:int}"),
    (starlette, "/items/x", "/items/{rest:path}"),
    (starlette, "/inner/users/1", "/inner/users/{user}"),
    (starlette, "/inner/users", "/inner/users"),
    (starlette, "/inner/nothing", "/inner"),
    (starlette, "/tenants/acme/users/1", "/tenants/{tenant}/users/{user}"),
    (starlette, "/a/b/c/1", "/a/b/c/{d}"),
    (starlette, "/a/b", "/a"),
    (starlette, "/nothing", None),
    (fastapi, "/r/p/leaf/1", "/r/p/leaf/{x}"),
    (fastapi, "/twice/r/p/leaf/1", "/twice/r/p/leaf/{x}"),
    (fastapi, "/leaf/1", "/leaf/{x}"),
    (fastapi, "/sub/leaf/1", "/sub/leaf/{x}"),
    (fastapi, "/sub/one", "/sub/one"),
    (fastapi, "/sub/two", "/sub/two"),
    (fastapi, "/starlette/inner/users/1", "/starlette/inner/users/{user}"),
    (fastapi, "/docs", "/docs"),
    (fastapi, "/r/nothing", None),
]


def gone_through(app: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Call an app and return the scope as it is then."""

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        pass

    asyncio.run(app(asked, receive, send))
    return asked


@pytest.mark.parametrize(("make", "path", "template"), CASES)
def test_template(make: Any, path: str, template: str | None) -> None:
    app, routes = make(), Routes()
    for _ in range(2):
        assert routes.template(app, gone_through(app, scope(path))) == template


@pytest.mark.parametrize("make", [starlette, fastapi])
def test_what_is_remembered_is_not_taken_for_another(make: Any) -> None:
    app, routes = make(), Routes()
    mine = [(path, template) for made, path, template in CASES if made is make]
    for path, template in mine * 3:
        assert routes.template(app, gone_through(app, scope(path))) == template


def test_the_root_path_of_a_server_is_no_mount() -> None:
    app = starlette()
    asked = scope("/proxy/inner/users/1", root_path="/proxy")
    assert Routes().template(app, gone_through(app, asked)) == "/inner/users/{user}"


def test_websockets_and_hosts() -> None:
    app, routes = starlette(), Routes()
    asked = {**scope("/ws/1"), "type": "websocket", "scheme": "ws"}
    assert routes.template(app, gone_through(app, asked)) == "/ws/{room}"
    asked = {**scope("/hosted"), "headers": [(b"host", b"x.example")]}
    assert routes.template(app, gone_through(app, asked)) == "/hosted"


def test_a_request_that_has_reached_no_route_is_looked_up() -> None:
    app = starlette()
    assert Routes().template(app, scope("/inner/users/1")) == "/inner/users/{user}"
    assert Routes().template(app, scope("/nothing")) is None


def test_a_route_is_looked_for_once() -> None:
    app, routes = fastapi(), Routes()
    routes.template(app, gone_through(app, scope("/r/p/leaf/1")))
    with patch.object(starlette_routes, "_search", side_effect=AssertionError):
        assert routes.template(app, gone_through(app, scope("/r/p/leaf/2"))) == "/r/p/leaf/{x}"


def test_values_of_a_mounts_parameters_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starlette_routes, "_MOST_REMEMBERED", 10)
    app, routes = starlette(), Routes()
    for number in range(30):
        asked = gone_through(app, scope(f"/tenants/t{number}/users/1"))
        assert routes.template(app, asked) == "/tenants/{tenant}/users/{user}"
    assert len(routes._remembered) == 10
