# SPDX-License-Identifier: Apache-2.0
"""A Flask app with a route for each way to answer."""

import threading
from collections.abc import Iterator
from typing import Any

import flask
from opentelemetry import trace


def make_app(name: str = "corpus") -> flask.Flask:
    """Return an app.

    Args:
        name: Its name, which tells it from others in one process.
    """
    app = flask.Flask(name, static_folder=None)
    _plain(app)
    _answering(app)
    _failing(app)
    _streaming(app)
    _starting_others(app)
    app.register_blueprint(_blueprint(name))
    return app


def _plain(app: flask.Flask) -> None:
    app.get("/", endpoint="index")(lambda: "ok")
    app.route("/number/<int:number>", methods=["GET", "POST", "DELETE"], endpoint="number")(lambda number: f"{number}")
    app.get("/path/<path:rest>", endpoint="path")(lambda rest: rest)
    app.get("/slash/", endpoint="slash")(lambda: "slash")
    methods = ["GET", "PUT", "PATCH", "HEAD", "TRACE", "QUERY", "BREW"]
    app.route("/any", methods=methods, endpoint="any")(lambda: "any")


def _answering(app: flask.Flask) -> None:
    app.get("/redirect", endpoint="redirect")(lambda: flask.redirect("/"))
    app.get("/status/<int:code>", endpoint="status")(lambda code: ("status", code))
    app.get("/status-text/<path:text>", endpoint="text")(lambda text: flask.Response("text", status=text))

    @app.get("/headers")
    def headers() -> Any:
        response = flask.Response("headers", headers=[("X-Answer-One", "1"), ("x-answer-one", "2"), ("Other", "no")])
        response.set_cookie("session", "private")
        return response

    @app.get("/attribute")
    def attribute() -> str:
        trace.get_current_span().set_attribute("mine", flask.request.endpoint or "")
        return "attribute"


def _failing(app: flask.Flask) -> None:
    def raising(error: Exception) -> Any:
        raise error

    app.get("/abort/<int:code>", endpoint="abort")(flask.abort)
    app.get("/boom", endpoint="boom")(lambda: raising(ValueError("boom")))
    app.get("/handled", endpoint="handled")(lambda: raising(LookupError("handled")))
    app.get("/bad-handler", endpoint="bad-handler")(lambda: raising(ArithmeticError("first")))
    nothing: Any = lambda: None  # noqa: E731 -- the type is what is wrong with it
    app.get("/nothing", endpoint="nothing")(nothing)
    app.errorhandler(LookupError)(lambda error: (f"handled {error}", 418))
    app.errorhandler(ArithmeticError)(lambda _: raising(RuntimeError("second")))


def _streaming(app: flask.Flask) -> None:
    tracer = trace.get_tracer("app")

    def failing() -> Iterator[str]:
        yield flask.request.path if flask.has_request_context() else "first"
        raise OSError("late")

    def tracing() -> Iterator[str]:
        for index in range(2):
            with tracer.start_as_current_span(f"chunk {index}"):
                yield f"{flask.request.path} {index}"

    app.get("/stream", endpoint="stream")(lambda: flask.Response(str(index) for index in range(3)))
    app.get("/stream-boom", endpoint="stream-boom")(lambda: flask.Response(failing()))

    @app.get("/stream-context")
    def stream_context() -> Any:
        return flask.Response(flask.stream_with_context(tracing()))

    @app.get("/stream-context-boom")
    def stream_context_boom() -> Any:
        return flask.Response(flask.stream_with_context(failing()))


def _starting_others(app: flask.Flask) -> None:
    tracer = trace.get_tracer("app")
    other = flask.Flask("other")
    other.get("/inside")(lambda: "inside")

    @app.get("/child")
    def child() -> str:
        with tracer.start_as_current_span("child"):
            return "child"

    @app.get("/healthz")
    def healthz() -> str:
        with tracer.start_as_current_span("checking"):
            return "well"

    @app.get("/thread")
    def thread() -> str:
        copied = flask.copy_current_request_context(lambda: flask.request.path)
        started = threading.Thread(target=copied)
        started.start()
        started.join()
        return "thread"

    @app.get("/inner")
    def inner() -> Any:
        with other.test_client() as client:
            return client.get("/inside").data


def _blueprint(name: str) -> flask.Blueprint:
    blueprint = flask.Blueprint("things", name, url_prefix="/things")
    blueprint.get("/<thing>", endpoint="thing")(lambda thing: thing)

    @blueprint.get("/fail")
    def fail() -> Any:
        raise KeyError("thing")

    @blueprint.before_request
    def gate() -> Any:
        if "closed" in flask.request.args:
            flask.abort(403)
        return "early" if "early" in flask.request.args else None

    nested = flask.Blueprint("nested", name, url_prefix="/nested")
    nested.get("/<uuid:key>", endpoint="key")(lambda key: f"{key}")
    blueprint.register_blueprint(nested)
    return blueprint
