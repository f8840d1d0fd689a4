# SPDX-License-Identifier: Apache-2.0
"""A script that calls its own Flask app by each client, having instrumented itself what its arguments name."""

import sys
import threading

import flask
import httpx
import requests
import urllib3
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from werkzeug.serving import make_server


def main(asked: set[str]) -> None:
    for name, instrumentor in (
        ("flask", FlaskInstrumentor),
        ("requests", RequestsInstrumentor),
        ("httpx", HTTPXClientInstrumentor),
        ("urllib3", URLLib3Instrumentor),
    ):
        if name in asked:
            instrumentor().instrument()
    app = flask.Flask("by_hand")
    app.get("/<client>", endpoint="client")(lambda client: client)
    if "flask-app" in asked:
        FlaskInstrumentor.instrument_app(app)  # type: ignore[no-untyped-call]  # theirs
    server = make_server("127.0.0.1", 0, app)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    url = f"http://127.0.0.1:{server.server_port}"
    for _ in range(2):
        requests.get(f"{url}/requests", timeout=10)
        urllib3.PoolManager().request("GET", f"{url}/urllib3")
        with httpx.Client() as client:
            if "httpx-client" in asked:
                HTTPXClientInstrumentor.instrument_client(client)
            client.get(f"{url}/httpx")
    server.shutdown()
    serving.join()


if __name__ == "__main__":
    main(set(sys.argv[1:]))
