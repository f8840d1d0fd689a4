# SPDX-License-Identifier: Apache-2.0
"""A small data app: orders, their price in another currency, and figures that only some people may see."""

import asyncio
import logging
import os
from typing import Annotated

import httpx
from fastapi import FastAPI, Header, HTTPException

logging.basicConfig(level=logging.INFO)
log = logging.getLogger("orders")

app = FastAPI(title="Orders")

ORDERS = {
    1001: {"id": 1001, "customer": "Northwind", "dollars": 1250.0},
    1002: {"id": 1002, "customer": "Contoso", "dollars": 310.5},
    1003: {"id": 1003, "customer": "Fabrikam", "dollars": 89.9},
}
EUROS_FOR_A_DOLLAR = 0.92
MAY_SEE_REVENUE = {"ada@example.com"}

# The platform's proxy sets this header: "Access HTTP headers passed to Databricks apps" in Databricks' docs.
Email = Annotated[str | None, Header(alias="x-forwarded-email")]


@app.get("/")
def index(email: Email = None) -> dict:
    return {"hello": email or "stranger", "try": ["/orders", "/orders/1002", "/revenue"]}


@app.get("/orders")
async def orders() -> dict:
    # Adding up is slow in real life, so it has a thread of its own.
    total = await asyncio.to_thread(add_up)
    return {"orders": list(ORDERS.values()), "dollars": total}


@app.get("/orders/{order_id}")
async def order(order_id: int) -> dict:
    if order_id not in ORDERS:
        raise HTTPException(404, f"there is no order {order_id}")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{os.environ['DATABRICKS_APP_PORT']}") as client:
        rate = (await client.get("/rates/EUR")).raise_for_status().json()["rate"]
    log.info("order %s read", order_id)
    return ORDERS[order_id] | {"euros": round(ORDERS[order_id]["dollars"] * rate, 2)}


@app.get("/rates/{currency}")
def rate(currency: str) -> dict:
    if currency != "EUR":
        raise HTTPException(404, f"there is no rate for {currency}")
    return {"currency": currency, "rate": EUROS_FOR_A_DOLLAR}


@app.get("/revenue")
def revenue(email: Email = None) -> dict:
    if email not in MAY_SEE_REVENUE:
        log.warning("revenue denied")
        raise HTTPException(403, "the revenue is for the finance team")
    log.info("revenue read")
    return {"dollars": add_up()}


def add_up() -> float:
    log.info("adding up %d orders", len(ORDERS))
    return sum(order["dollars"] for order in ORDERS.values())
