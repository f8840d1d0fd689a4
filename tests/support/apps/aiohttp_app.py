# SPDX-License-Identifier: Apache-2.0
import os

from aiohttp import web

from tests.support.apps.work import async_work, work


async def get_work(request: web.Request) -> web.Response:
    return web.Response(text=await async_work(request.match_info["tag"]))


async def get_sync(request: web.Request) -> web.Response:
    return web.Response(text=work(request.match_info["tag"]))


@web.middleware
async def own_middleware(request: web.Request, handler: object) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)  # type: ignore[operator]
    return response


app = web.Application(middlewares=(own_middleware,))
app.add_routes([web.get("/async/{tag}", get_work), web.get("/sync/{tag}", get_sync)])
inner = web.Application()
inner.add_routes([web.get("/{tag}", get_work)])
app.add_subapp("/inner", inner)

if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None)
