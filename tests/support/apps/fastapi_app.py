# SPDX-License-Identifier: Apache-2.0
from fastapi import FastAPI

from tests.support.apps.work import async_work, work

app = FastAPI()


@app.get("/async/{tag}")
async def get_work(tag: str) -> str:
    return await async_work(tag)


@app.get("/sync/{tag}")
def get_sync(tag: str) -> str:
    return work(tag)
