# SPDX-License-Identifier: Apache-2.0
"""A FastAPI app: a route that does nothing, and one that logs a line and calls another service."""

import logging
import os

import requests
from fastapi import FastAPI

logging.basicConfig(level=logging.INFO)
logger = logging.getLogger("shop")
session = requests.Session()
app = FastAPI()


@app.get("/")
async def index() -> dict[str, bool]:
    """Tell that the app is up."""
    return {"ok": True}


@app.get("/ping")
async def ping() -> dict[str, bool]:
    """Do nothing."""
    return {"ok": True}


@app.get("/work")
def work() -> dict[str, str]:
    """Log a line and ask the other service."""
    logger.info("working on %s", "an order")
    return {"answer": session.get(os.environ["OTHER_SERVICE"], timeout=10).text}
