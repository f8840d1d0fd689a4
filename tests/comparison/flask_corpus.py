# SPDX-License-Identifier: Apache-2.0
"""Requests to Flask apps: routes, errors, streams, middlewares and whatever else changes what a span says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import quote

import flask
from opentelemetry import trace

from tests.comparison.flask_apps import make_app
from tests.comparison.flask_rules import RULES

__all__ = ["ENVIRONMENT", "RULES", "cases", "instrument"]

ENVIRONMENT = {
    "OTEL_PYTHON_FLASK_EXCLUDED_URLS": "healthz,/secret/.*/none",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": "x-captured.*,cookie",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE": "content-type,x-answer.*,set-cookie",
    "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS": "cookie,.*password.*",
}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def instrument(variant: str) -> None:
    """Instrument Flask before an app is made."""
    if variant == "contrib":
        from opentelemetry.instrumentation.flask import FlaskInstrumentor

        FlaskInstrumentor().instrument()
        return
    from dbx_otel.instrumentation import flask as own
    from dbx_otel.instrumentation import flask_entry

    own.instrument(flask)
    flask_entry.instrument(flask)


def bare_request(app: Any, path: str = "/", query: str = "", method: str = "GET", **environ: Any) -> None:
    """Call an app as a server would that tells no more than it must (PEP 3333)."""
    from io import BytesIO, StringIO

    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "server",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **environ,
    }
    chunks: Any = None
    try:
        chunks = app(environ, lambda *_: None)
        for _ in chunks:
            pass
    except (OSError, ValueError, ZeroDivisionError):
        pass  # what the app raises goes to the server
    finally:
        if hasattr(chunks, "close"):
            chunks.close()


def _client_cases(app: Any) -> dict[str, Callable[[], object]]:
    def get(path: str, method: str = "GET", **more: Any) -> Callable[[], object]:
        def case() -> None:
            with app.test_client().open(path, method=method, **more) as response:
                response.get_data()

        return case

    uuid = "12345678-1234-5678-1234-567812345678"
    cases = {
        "index": get("/"),
        "head": get("/", "HEAD"),
        "options": get("/", "OPTIONS"),
        "post not allowed": get("/", "POST"),
        "converter": get("/number/12"),
        "converter that does not match": get("/number/twelve"),
        "post": get("/number/12", "POST", data=b"body"),
        "delete": get("/number/12", "DELETE"),
        "put not allowed": get("/number/12", "PUT"),
        "path": get("/path/a/b/c"),
        "not found": get("/nowhere/at/all"),
        "trailing slash": get("/slash/"),
        "trailing slash is missing": get("/slash"),
        "redirect": get("/redirect"),
        "redirect followed": get("/redirect", follow_redirects=True),
        "boom": get("/boom"),
        "handled": get("/handled"),
        "handler that fails": get("/bad-handler"),
        "view that returns nothing": get("/nothing"),
        "child": get("/child"),
        "stream": get("/stream"),
        "stream in context": get("/stream-context"),
        "headers": get("/headers", headers={"X-Captured-A": "1", "Cookie": "session=private", "X-Other": "no"}),
        "captured password": get("/", headers={"X-Captured-Password": "private"}),
        "thread": get("/thread"),
        "app in an app": get("/inner"),
        "excluded": get("/healthz"),
        "excluded by a pattern": get("/secret/x/none"),
        "attribute of the app's": get("/attribute"),
        "blueprint": get("/things/box"),
        "blueprint that fails": get("/things/fail"),
        "blueprint aborts before": get("/things/box?closed=1"),
        "blueprint answers before": get("/things/box?early=1"),
        "nested blueprint": get(f"/things/nested/{uuid}"),
        "blueprint not found": get("/things/nested/none"),
        "query": get("/?a=1&b=%20c"),
        "remote parent": get("/", headers={"traceparent": TRACEPARENT, "tracestate": "a=b"}),
        "bad parent": get("/", headers={"traceparent": "00-zz"}),
        "baggage": get("/child", headers={"baggage": "a=b"}),
        "user agent": get("/", headers={"User-Agent": "test agent"}),
        "bot": get("/", headers={"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}),
        "test agent": get("/", headers={"User-Agent": "alwayson"}),
        "host with a port": get("/", base_url="http://app.example:8000"),
        "https": get("/", base_url="https://app.example"),
        "json that is none": get("/number/1", "POST", data=b"{", content_type="application/json"),
        "percent in the path": get("/path/" + quote("a b/ä")),
        "static files there are none": get("/static/none.css"),
    }
    for method in ("GET", "PUT", "PATCH", "HEAD", "TRACE", "QUERY", "BREW", "brew", "UNKNOWN"):
        cases[f"any by {method}"] = get("/any", method)
    for code in (200, 204, 299, 304, 400, 401, 404, 429, 499, 500, 503, 599):
        cases[f"status {code}"] = get(f"/status/{code}")
    for code in (400, 403, 404, 500, 502):
        cases[f"abort {code}"] = get(f"/abort/{code}")
    cases["status with a text"] = get("/status-text/207 Many")
    return cases


def _bare_cases(app: Any) -> dict[str, Callable[[], object]]:
    bare = partial(partial, bare_request, app)
    return {
        "bare": bare(),
        "bare, raw address": bare("/path/a", RAW_URI="/path/a", HTTP_HOST="app.example"),
        "bare, raw address with query": bare("/path/a", "x=1", REQUEST_URI="/path/a?x=1", HTTP_HOST="app.example"),
        "bare, mounted": bare("/path/a", SCRIPT_NAME="/mounted"),
        "bare, mounted, raw address": bare("/path/a", SCRIPT_NAME="/mounted", RAW_URI="/mounted/path/a"),
        "bare, peer": bare(REMOTE_ADDR="10.0.0.1", REMOTE_PORT="1234"),
        "bare, peer with a name": bare(REMOTE_ADDR="10.0.0.1", REMOTE_HOST="peer.example"),
        "bare, no port": bare(SERVER_PORT=""),
        "bare, HTTP/1.0": bare(SERVER_PROTOCOL="HTTP/1.0"),
        "bare, HTTP/2": bare(SERVER_PROTOCOL="HTTP/2"),
        "bare, no protocol": bare(SERVER_PROTOCOL=""),
        "bare, signed link": bare("/", "sig=abc&x=1", RAW_URI="/?sig=abc&x=1"),
        "bare, query that reads like an excluded URL": bare("/", "healthz", RAW_URI="/?healthz"),
        "bare, host that reads like an excluded URL": bare("/", HTTP_HOST="healthz/x"),
        "late failure": bare("/stream-boom"),
        "late failure in context": bare("/stream-context-boom"),
    }


def _special_cases() -> dict[str, Callable[[], object]]:
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    raising = make_app("raising")
    raising.config["PROPAGATE_EXCEPTIONS"] = True

    around, mounted = make_app("around"), make_app("mounted")
    around.wsgi_app = DispatcherMiddleware(around.wsgi_app, {"/mounted": mounted})  # type: ignore[method-assign]  # as documented

    domains = flask.Flask("domains", subdomain_matching=True)
    domains.config["SERVER_NAME"] = "app.example"
    domains.get("/where", subdomain="<area>")(lambda area: area)

    preprocessing = make_app("preprocessing")

    @preprocessing.url_value_preprocessor
    def preprocess(endpoint: str | None, values: Any) -> None:
        raise ZeroDivisionError(endpoint)

    teardown = make_app("teardown")
    torn: list[object] = []
    teardown.teardown_request(lambda _: torn.append(trace.get_current_span().is_recording()))

    bad_teardown = make_app("bad-teardown")

    @bad_teardown.teardown_request
    def tear(error: BaseException | None) -> None:
        raise ZeroDivisionError("teardown")

    after = make_app("after")

    @after.after_request
    def change(response: Any) -> Any:
        response.status_code = 203
        return response

    def in_a_span() -> None:
        with trace.get_tracer("server").start_as_current_span("server"):
            bare_request(mounted, "/child")

    def outside_of_a_request() -> None:
        with mounted.test_request_context("/number/1"):
            assert flask.request.path == "/number/1"
            mounted.preprocess_request()

    def kept_open() -> None:
        with mounted.test_client() as client:
            client.get("/child")
            assert flask.request.path == "/child"

    return {
        "failure that goes to the server": partial(bare_request, raising, "/boom"),
        "dispatcher, its own": partial(bare_request, around, "/number/1"),
        "dispatcher, mounted": partial(bare_request, around, "/mounted/number/1"),
        "dispatcher, mounted, not found": partial(bare_request, around, "/mounted/none"),
        "sub-domain": partial(bare_request, domains, "/where", HTTP_HOST="north.app.example"),
        "other sub-domain": partial(bare_request, domains, "/where", HTTP_HOST="app.example"),
        "preprocessor that fails": partial(bare_request, preprocessing, "/"),
        "teardown": partial(bare_request, teardown, "/"),
        "teardown that fails": partial(bare_request, bad_teardown, "/"),
        "after request": partial(bare_request, after, "/"),
        "in a span": in_a_span,
        "outside of a request": outside_of_a_request,
        "client that keeps the context": kept_open,
    }


def _propagated(app: Any) -> Callable[[], None]:
    def case() -> None:
        from opentelemetry.instrumentation.propagators import TraceResponsePropagator, set_global_response_propagator

        set_global_response_propagator(TraceResponsePropagator())  # type: ignore[no-untyped-call]  # theirs
        try:
            response = app.test_client().get("/headers")
            assert "traceresponse" in response.headers
        finally:
            set_global_response_propagator(None)  # type: ignore[no-untyped-call]  # theirs

    return case


def _served(app: Any) -> Callable[[], None]:
    """Return a case in which a real server stands in front of an app, and tells what servers do."""

    def case() -> None:
        from http.client import HTTPConnection

        from werkzeug.serving import make_server

        def with_the_same_port(environ: dict[str, Any], start_response: Any) -> Any:
            return app({**environ, "SERVER_PORT": "8000"}, start_response)

        server = make_server("127.0.0.1", 0, with_the_same_port)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
        try:
            connection.request("GET", "/number/1?x=1", headers={"Host": "app.example", "User-Agent": "a"})
            assert connection.getresponse().read() == b"1"
        finally:
            connection.close()
            server.shutdown()
            serving.join()
            server.server_close()

    return case


@contextmanager
def cases() -> Iterator[dict[str, Callable[[], object]]]:
    """Give the cases."""
    import logging

    logging.disable()
    app = make_app()
    yield {
        **_client_cases(app),
        **_bare_cases(app),
        **_special_cases(),
        "response propagator": _propagated(app),
        "real server": _served(app),
    }
