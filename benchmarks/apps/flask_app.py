# SPDX-License-Identifier: Apache-2.0
"""A Flask app with the routes of the FastAPI one."""

import logging
import os

import requests
from flask import Flask

logging.basicConfig(level=logging.INFO)
logger = logging.getLogger("shop")
session = requests.Session()
app = Flask(__name__)


@app.get("/")
def index() -> dict[str, bool]:
    """Tell that the app is up."""
    return {"ok": True}


@app.get("/ping")
def ping() -> dict[str, bool]:
    """Do nothing."""
    return {"ok": True}


@app.get("/work")
def work() -> dict[str, str]:
    """Log a line and ask the other service."""
    logger.info("working on %s", "an order")
    return {"answer": session.get(os.environ["OTHER_SERVICE"], timeout=10).text}
