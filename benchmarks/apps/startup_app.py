# SPDX-License-Identifier: Apache-2.0
"""The smallest FastAPI app: what it takes to start is the framework's and the launcher's."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def index() -> dict[str, bool]:
    """Answer at once."""
    return {"ok": True}
