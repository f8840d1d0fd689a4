# SPDX-License-Identifier: Apache-2.0
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.support.apps.work import async_work, work


async def get_work(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await async_work(request.path_params["tag"]))


def get_sync(request: Request) -> PlainTextResponse:
    return PlainTextResponse(work(request.path_params["tag"]))


app = Starlette(routes=[Route("/async/{tag}", get_work), Route("/sync/{tag}", get_sync)])
