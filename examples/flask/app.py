# SPDX-License-Identifier: Apache-2.0
"""A small data app: orders, and figures that only some people may see."""

import logging
from concurrent.futures import ThreadPoolExecutor

from flask import Flask, abort, request

logging.basicConfig(level=logging.INFO)

app = Flask(__name__)
workers = ThreadPoolExecutor(max_workers=4)

ORDERS = {
    1001: {"id": 1001, "customer": "Northwind", "dollars": 1250.0},
    1002: {"id": 1002, "customer": "Contoso", "dollars": 310.5},
    1003: {"id": 1003, "customer": "Fabrikam", "dollars": 89.9},
}
MAY_SEE_REVENUE = {"ada@example.com"}


@app.route("/")
def index():
    # The proxy sets it: "Access HTTP headers passed to Databricks apps" in Databricks' docs.
    return {"hello": request.headers.get("x-forwarded-email", "stranger"), "try": ["/orders", "/revenue"]}


@app.route("/orders")
def orders():
    # Both are slow in real life, so they run side by side.
    total, largest = workers.submit(add_up), workers.submit(find_largest)
    return {"orders": list(ORDERS.values()), "dollars": total.result(), "largest": largest.result()}


@app.route("/orders/<int:order_id>")
def order(order_id):
    if order_id not in ORDERS:
        abort(404, f"there is no order {order_id}")
    app.logger.info("order %s read", order_id)
    return ORDERS[order_id]


@app.route("/revenue")
def revenue():
    if request.headers.get("x-forwarded-email") not in MAY_SEE_REVENUE:
        app.logger.warning("revenue denied")
        abort(403, "the revenue is for the finance team")
    app.logger.info("revenue read")
    return {"dollars": add_up()}


def add_up():
    app.logger.info("adding up %d orders", len(ORDERS))
    return sum(order["dollars"] for order in ORDERS.values())


def find_largest():
    app.logger.info("looking for the largest of %d orders", len(ORDERS))
    return max(ORDERS.values(), key=lambda order: order["dollars"])["id"]
