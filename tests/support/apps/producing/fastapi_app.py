# SPDX-License-Identifier: Apache-2.0
from fastapi import FastAPI

from tests.support.apps.producing import produce

app = FastAPI()


@app.get("/produce/{tag}")
async def get_produce(tag: str) -> dict[str, str]:
    return produce(tag)
