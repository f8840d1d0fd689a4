# SPDX-License-Identifier: Apache-2.0
"""What the comparison with contrib does not show of our hook of Flask: who it is, and that it never gets in the way.

Each case in a process of its own, as classes change.
"""

import subprocess
import sys

import pytest

HEAD = """
import os
import flask, sys, threading
from opentelemetry import context, trace
from opentelemetry.trace import INVALID_SPAN
from dbx_otel import identity
from dbx_otel.distro import propagation
from dbx_otel.identity.policy import IdentityPolicy
from dbx_otel.instrumentation import flask as hook, flask_entry
from dbx_otel.settings import IdentityMode
from dbx_otel.tracing.provider import TracerProvider

ended = []
trace.set_tracer_provider(TracerProvider(on_end=ended.append))
propagation.configure(IdentityPolicy(trusted=os.environ.get("TRUSTED") == "1", mode=IdentityMode.FULL))
hook.instrument(flask)
flask_entry.instrument(flask)
app = flask.Flask("app")
app.get("/", endpoint="index")(lambda: "ok")
ADA = {"X-Forwarded-Email": "ada@example.com", "X-Real-Ip": "10.1.2.3", "X-Request-Id": "abc"}
def get(path="/", **more):
    with app.test_client() as client:
        return client.get(path, **more)
def current():
    return trace.get_current_span()
"""

CASES = {
    "the person is on the span": """
get(headers=ADA)
(span,) = ended
assert span.attributes["user.email"] == "ada@example.com"
assert span.attributes["client.address"] == "10.1.2.3"
assert "client.port" not in span.attributes
""",
    "the person is known where there is no span": """
app.get("/healthz", endpoint="healthz")(lambda: identity.current().user["email"])
assert get("/healthz", headers=ADA).text == "ada@example.com"
assert not ended
""",
    "the person is known in a stream": """
def chunks():
    yield identity.current().user["email"]
app.get("/stream", endpoint="stream")(lambda: flask.Response(chunks()))
assert get("/stream", headers=ADA).text == "ada@example.com"
""",
    "the person of a request is not that of the next": """
get(headers=ADA)
get()
assert "user.email" not in ended[1].attributes
assert identity.current() is None and current() is INVALID_SPAN
""",
    "an app without its entry": """
from werkzeug.test import run_wsgi_app, EnvironBuilder
run_wsgi_app(app.wsgi_app, EnvironBuilder(headers=ADA).get_environ())
(span,) = ended
assert span.attributes["user.email"] == "ada@example.com"
assert current() is INVALID_SPAN
""",
    "a failing teardown function ends the span": """
@app.teardown_request
def tear(error):
    raise LookupError("teardown")
try:
    get()
except LookupError:
    pass
(span,) = ended
assert current() is INVALID_SPAN
""",
    "what is no server's environ": """
from werkzeug.test import run_wsgi_app, EnvironBuilder
environ = EnvironBuilder().get_environ()
environ.update(SERVER_PORT="port", REMOTE_PORT="none", SERVER_PROTOCOL="", REMOTE_ADDR="")
for name in ("RAW_URI", "REQUEST_URI"):
    environ.pop(name, None)
assert run_wsgi_app(app, environ)[1].startswith("200")
(span,) = ended
assert "server.port" not in span.attributes and span.attributes["url.path"] == "/"
""",
    "a tracer that fails": """
class Failing:
    def start_span(self, *args, **kwargs):
        raise RuntimeError("no span")
inside = [cell.cell_contents for cell in flask.Flask.wsgi_app.__closure__]
(server,) = [one for one in inside if isinstance(one, hook._Server)]
server.tracer = Failing()
assert get().text == "ok"
""",
    "a response propagator that fails": """
from opentelemetry.instrumentation import propagators
class Failing:
    def inject(self, *args, **kwargs):
        raise RuntimeError("no header")
propagators.set_global_response_propagator(Failing())
assert get().text == "ok"
(span,) = ended
assert [event.name for event in span.events] == ["exception"]
""",
    "an exception without text": """
class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")
app.logger.disabled = True
@app.get("/fail")
def fail():
    raise Unspeakable
assert get("/fail").status_code == 500
(span,) = ended
assert span.status.status_code is trace.StatusCode.ERROR
""",
    "a status that is no number": """
from werkzeug.test import EnvironBuilder
class Odd(flask.Response):
    def get_wsgi_response(self, environ):
        return self.response, "odd one", []
app.get("/odd", endpoint="odd")(lambda: Odd("x"))
list(app(EnvironBuilder(path="/odd").get_environ(), lambda *_: None))
(span,) = ended
assert span.attributes["error.type"] == "odd"
assert span.status.description == "Non-integer HTTP status: odd"
""",
    "requests at once": """
barrier = threading.Barrier(4)
@app.get("/wait/<name>")
def wait(name):
    barrier.wait(5)
    assert current().attributes["url.path"].endswith(name)
    return name
names = "abcd"
threads = [threading.Thread(target=get, args=(f"/wait/{name}",)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert sorted(span.attributes["url.path"][-1] for span in ended) == list(names)
assert len({span.context.trace_id for span in ended}) == 4
assert all(span.attributes["http.response.status_code"] == 200 for span in ended)
""",
    "comments on SQL say what is asked for": """
app.get("/tags", endpoint="tags")(lambda: context.get_value("SQLCOMMENTER_ORM_TAGS_AND_VALUES") or {})
assert get("/tags").json == {}
import opentelemetry.instrumentation.sqlcommenter_utils
tags = get("/tags").json
assert tags.pop("framework").startswith("flask:")
assert tags == {"controller": "tags", "route": "/tags"}
""",
    "active requests come back to nothing": """
app.get("/healthz", endpoint="healthz")(lambda: 1 / 0)
app.testing = True
get()
for path in ("/healthz", "/nowhere"):
    try:
        get(path)
    except ZeroDivisionError:
        pass
from dbx_otel.metrics import instruments
(active,) = [one for one in instruments.registry.collected_here() if one.name == "http.server.active_requests"]
for cell in active.cells.values():
    cell.fold()
assert [cell.value for cell in active.cells.values()] == [0]
""",
}


@pytest.mark.parametrize("code", CASES.values(), ids=CASES)
def test_hook(code: str) -> None:
    environment = {"TRUSTED": "1", "OTEL_PYTHON_EXCLUDED_URLS": "healthz"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", HEAD + code], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_whoever_is_not_believed_is_nobody() -> None:
    code = """
get(headers=ADA, environ_overrides={"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "99"})
(span,) = ended
assert "user.email" not in span.attributes
assert (span.attributes["client.address"], span.attributes["client.port"]) == ("192.0.2.1", 99)
"""
    done = subprocess.run([sys.executable, "-c", HEAD + code], capture_output=True, text=True, check=False, env={})
    assert done.returncode == 0, done.stderr
