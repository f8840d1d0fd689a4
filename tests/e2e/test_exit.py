# SPDX-License-Identifier: Apache-2.0
"""What was produced is delivered, whichever launcher, server and way of ending: spans and log records, counted."""

import signal
import sys
import time
from pathlib import Path

import pytest

from dbx_otel.local.receiver import Receiver
from tests.support.launched import APPS, LAUNCHER, Launched, launched

REQUESTS = 25
SERVERS = {
    "uvicorn": ["uvicorn", f"{APPS}.fastapi_app:app", "--port", "{port}"],
    "python -m uvicorn": ["python", "-m", "uvicorn", f"{APPS}.fastapi_app:app", "--port", "{port}"],
    "uvicorn --workers 2": ["uvicorn", f"{APPS}.fastapi_app:app", "--port", "{port}", "--workers", "2"],
    "uvicorn --reload": ["uvicorn", f"{APPS}.fastapi_app:app", "--port", "{port}", "--reload"],
    "flask run": ["flask", "--app", f"{APPS}.flask_app", "run", "--port", "{port}", "--no-reload"],
    "python flask app": ["python", "-m", f"{APPS}.flask_app"],
    "gunicorn": ["gunicorn", f"{APPS}.flask_app:app", "-b", "127.0.0.1:{port}"],
    "gunicorn -w 2": ["gunicorn", f"{APPS}.flask_app:app", "-b", "127.0.0.1:{port}", "-w", "2"],
    "gunicorn gevent": ["gunicorn", f"{APPS}.flask_app:app", "-b", "127.0.0.1:{port}", "-w", "2", "-k", "gevent"],
    "gunicorn --preload": [
        "gunicorn",
        f"{APPS}.flask_app:app",
        "-b",
        "127.0.0.1:{port}",
        "-w",
        "2",
        "--preload",
    ],
    "gunicorn UvicornWorker": [
        *("gunicorn", f"{APPS}.fastapi_app:app", "-b", "127.0.0.1:{port}", "-w", "2"),
        *("-k", "uvicorn_worker.UvicornWorker"),
    ],
}
ENDINGS = {"SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}
PROTOCOLS = ("http/protobuf", "grpc")
# gunicorn's master passes SIGINT on as SIGQUIT, on which UvicornWorker does not end: without us it hangs as well.
CASES = [
    (server, ending)
    for server in SERVERS
    for ending in ENDINGS
    if (server, ending) != ("gunicorn UvicornWorker", "SIGINT")
]


def environment(receiver: Receiver, protocol: str) -> dict[str, str]:
    endpoint = receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}


def drive(app: Launched) -> None:
    app.wait_ready()
    for number in range(REQUESTS):
        assert app.get(f"/sync/{number}", "ada").ok
    time.sleep(1.0)  # a server's span ends a moment after its response has been sent


def assert_all_arrived(receiver: Receiver, output: str) -> None:
    receiver.store.wait_quiet()
    spans = receiver.store.spans()
    numbers = sorted(str(number) for number in range(REQUESTS))
    servers = [span for span in spans if span.kind == "server" and span.attributes["url.path"].startswith("/sync/")]
    assert sorted(span.attributes["url.path"].rpartition("/")[2] for span in servers) == numbers, output
    for where in ("handler", "pool", "thread"):
        expected = sorted(f"{where} {number}" for number in numbers)
        assert sorted(span.name for span in spans if span.name.startswith(where)) == expected, output
        bodies = [record.body for record in receiver.store.logs() if record.scope.name == "app"]
        assert sorted(body for body in bodies if body.startswith(where)) == expected, output
    assert {span.trace_id for span in servers} == {span.trace_id for span in spans if span.scope.name == "app"}
    assert len({span.trace_id for span in servers}) == REQUESTS, "one trace a request"


@pytest.mark.parametrize(("server", "ending"), CASES)
def test_server(server: str, ending: str, receiver: Receiver, tmp_path: Path) -> None:
    # Both protocols take turns, so that each server meets both.
    protocol = PROTOCOLS[(list(SERVERS).index(server) + list(ENDINGS).index(ending)) % 2]
    with launched(SERVERS[server], tmp_path, environment(receiver, protocol)) as app:
        drive(app)
        app.stop(ENDINGS[ending])
        output = app.output()
    assert_all_arrived(receiver, output)


def test_the_exit_status_is_that_of_the_bare_command(receiver: Receiver, tmp_path: Path) -> None:
    statuses = {}
    for server in ("uvicorn", "python flask app", "gunicorn"):
        for name, launcher in (("bare", []), ("ours", [LAUNCHER])):
            with launched(SERVERS[server], tmp_path, environment(receiver, "http/protobuf"), launcher=launcher) as app:
                app.wait_ready()
                statuses[server, name] = app.stop(signal.SIGTERM)
        assert statuses[server, "bare"] == statuses[server, "ours"]


SCRIPT = ["python", "-m", f"{APPS}.script", str(REQUESTS)]
LAUNCHERS = {
    "direct": [LAUNCHER],
    "module": [sys.executable, "-m", "dbx_otel.launch.command"],
    "shell": [LAUNCHER, "sh", "-c", 'exec "$@"', "sh"],
    "shell script": [LAUNCHER, "bash", "-c", '"$@"; exit $?', "bash"],
    "env": [LAUNCHER, "env", "A=1"],
    "uv run": [LAUNCHER, "uv", "run", "--no-project", "--python", sys.executable],
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize(("ending", "status"), [("exit", 3), ("raise", 1), ("end", 0), ("fork", 0)])
def test_script(launcher: str, ending: str, status: int, receiver: Receiver, tmp_path: Path) -> None:
    with launched(
        [*SCRIPT, ending], tmp_path, environment(receiver, "http/protobuf"), launcher=LAUNCHERS[launcher]
    ) as app:
        assert app.process.wait(30) == status, app.output()
        output = app.output()
    assert_steps_arrived(receiver, output)
    if ending == "fork":
        assert [span.name for span in receiver.store.spans() if span.name == "in the child"], output
        assert [record.body for record in receiver.store.logs() if record.body == "in the child"], output


@pytest.mark.parametrize("launcher", ["direct", "shell", "env"])
@pytest.mark.parametrize(
    ("ending", "signum", "status"),
    [
        ("wait", signal.SIGTERM, -signal.SIGTERM),
        ("wait", signal.SIGINT, -signal.SIGINT),
        ("handler", signal.SIGTERM, 7),
    ],
)
def test_signalled_script(
    launcher: str, ending: str, signum: int, status: int, receiver: Receiver, tmp_path: Path
) -> None:
    with launched([*SCRIPT, ending], tmp_path, environment(receiver, "grpc"), launcher=LAUNCHERS[launcher]) as app:
        wait_for_output(app, f"ready {app.process.pid}")
        assert app.stop(signum) == status, app.output()
        output = app.output()
    assert ("handled by the app" in output) == (ending == "handler")
    assert_steps_arrived(receiver, output)
    if ending == "handler":
        assert [record.body for record in receiver.store.logs() if record.body == "handled"], output


WORKER = """
import threading, time
def work():
    import logging
    logging.getLogger("app").warning("of a thread")
    print("ready", flush=True)
threading.Thread(target=work).start()
time.sleep(60)
"""


def test_sigterm_where_a_thread_imports_and_records_alone(receiver: Receiver, tmp_path: Path) -> None:
    with launched(["python", "-c", WORKER], tmp_path, environment(receiver, "http/protobuf")) as app:
        wait_for_output(app, "ready\n")
        assert app.stop(signal.SIGTERM) == -signal.SIGTERM, app.output()
    receiver.store.wait_quiet()
    assert [record.body for record in receiver.store.logs()] == ["of a thread"]


CLEANING_UP = """
import logging, os, signal, sys, threading, time
import uvicorn
from tests.support.apps.fastapi_app import app
server = uvicorn.Server(uvicorn.Config(app, port=int(sys.argv[1])))
threading.Timer(1, setattr, (server, "should_exit", True)).start()
server.run()
logging.getLogger("app").warning("cleaning up")
time.sleep(2.5)
logging.getLogger("app").warning("cleaned up")
"""


def test_what_is_recorded_after_a_servers_end_arrives(receiver: Receiver, tmp_path: Path) -> None:
    deadline = {"DBX_OTEL_EXIT_DEADLINE": "2"}
    with launched(
        ["python", "-c", CLEANING_UP, "{port}"], tmp_path, {**environment(receiver, "http/protobuf"), **deadline}
    ) as app:
        assert app.process.wait(30) == 0, app.output()
        output = app.output()
    assert "could not be sent" not in output
    receiver.store.wait_quiet()
    assert {"cleaning up", "cleaned up"} <= {record.body for record in receiver.store.logs()}, output


def assert_steps_arrived(receiver: Receiver, output: str) -> None:
    receiver.store.wait_quiet()
    steps = sorted(f"step {number}" for number in range(REQUESTS))
    assert sorted(span.name for span in receiver.store.spans() if span.name.startswith("step")) == steps, output
    bodies = [record.body for record in receiver.store.logs() if record.scope.name == "script"]
    assert sorted(body for body in bodies if body.startswith("step")) == steps, output


def wait_for_output(app: Launched, text: str, timeout: float = 20.0) -> None:
    end = time.monotonic() + timeout
    while text not in app.output():
        assert time.monotonic() < end, app.output()
        assert app.process.poll() is None, app.output()
        time.sleep(0.05)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("server", ["uvicorn", "gunicorn", "python flask app", "gunicorn UvicornWorker"])
def test_a_dead_collector_does_not_hold_the_exit_up(server: str, protocol: str, tmp_path: Path) -> None:
    silent = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    with launched(SERVERS[server], tmp_path, {**silent, "DBX_OTEL_EXIT_DEADLINE": "2"}) as app:
        drive(app)
        began = time.monotonic()
        app.stop(signal.SIGTERM)
        took = time.monotonic() - began
        output = app.output()
    # Two seconds of deadline and what the server takes by itself; the SDK alone takes sixteen and more.
    assert took < 6, output
    assert "could not be sent within 2 s" in output


@pytest.mark.parametrize("ending", ENDINGS)
def test_streamlit(ending: str, receiver: Receiver, tmp_path: Path) -> None:
    command = [
        "streamlit",
        "run",
        "tests/support/apps/streamlit_app.py",
        "--server.port",
        "{port}",
        "--server.address",
        "127.0.0.1",
    ]
    headless = {"STREAMLIT_SERVER_HEADLESS": "true", "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false"}
    with launched(command, tmp_path, {**environment(receiver, "grpc"), **headless}) as app:
        app.wait_ready()
        for number in range(5):
            assert run_streamlit_script(app, f"tag={number}") == str(number)
        app.stop(ENDINGS[ending])
        output = app.output()
    receiver.store.wait_quiet()
    for where in ("handler", "pool", "thread"):
        expected = [f"{where} {number}" for number in range(5)]
        assert sorted(span.name for span in receiver.store.spans() if span.name.startswith(where)) == expected, output
        bodies = [record.body for record in receiver.store.logs() if record.scope.name == "app"]
        assert sorted(body for body in bodies if body.startswith(where)) == expected, output
    paths = [span.attributes.get("url.path", "") for span in receiver.store.spans()]
    assert not [path for path in paths if "_stcore" in path], "no span as long as the tab is open"


def run_streamlit_script(app: Launched, query: str) -> str:
    """Open a tab as a browser does, have the script run, and return the text that it writes."""
    import asyncio

    import aiohttp
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    from tests.support.launched import proxy_headers

    async def run() -> str:
        url = f"http://127.0.0.1:{app.port}/_stcore/stream"
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, headers=proxy_headers("ada")) as tab,
        ):
            message = BackMsg()
            message.rerun_script.query_string = query
            await tab.send_bytes(message.SerializeToString())
            written = ""
            async for frame in tab:
                forward = ForwardMsg.FromString(frame.data)
                if forward.delta.new_element.HasField("markdown"):
                    written = forward.delta.new_element.markdown.body
                if forward.WhichOneof("type") == "script_finished":
                    return written
        raise AssertionError(f"the tab was closed before the script had run:\n{app.output()}")

    return asyncio.run(asyncio.wait_for(run(), 30))


@pytest.mark.parametrize("ending", ENDINGS)
def test_shiny(ending: str, receiver: Receiver, tmp_path: Path) -> None:
    command = ["shiny", "run", "--port", "{port}", "tests/support/apps/shiny_app.py"]
    with launched(command, tmp_path, environment(receiver, "http/protobuf")) as app:
        app.wait_ready()
        for number in range(5):
            assert app.get(f"/?tag={number}", "ada").ok
        time.sleep(0.3)
        app.stop(ENDINGS[ending])
        output = app.output()
    receiver.store.wait_quiet()
    spans = receiver.store.spans()
    assert len([span for span in spans if span.kind == "server" and span.attributes["url.path"] == "/"]) == 5, output
    for where in ("handler", "pool", "thread"):
        expected = [f"{where} {number}" for number in range(5)]
        assert sorted(span.name for span in spans if span.name.startswith(where)) == expected, output
        assert {span.attributes["user.email"] for span in spans if span.name.startswith(where)} == {"ada@example.com"}
        bodies = [record.body for record in receiver.store.logs() if record.scope.name == "app"]
        assert sorted(body for body in bodies if body.startswith(where)) == expected, output


def test_shiny_sessions_run_as_the_person_who_opened_them(receiver: Receiver, tmp_path: Path) -> None:
    import asyncio
    import json

    import aiohttp

    from tests.support.launched import proxy_headers

    people = ["ada", "bob", "cem"]

    async def open_tab(app: Launched, person: str) -> None:
        url = f"http://127.0.0.1:{app.port}/websocket/"
        async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=proxy_headers(person)) as tab:
            for method in ("init", "update"):
                await tab.send_str(json.dumps({"method": method, "data": {"tag": f"{person}-{method}"}}))
                async for frame in tab:
                    if "idle" in json.loads(frame.data).get("busy", ""):
                        break

    async def open_tabs(app: Launched) -> None:
        await asyncio.gather(*(open_tab(app, person) for person in people))

    command = ["shiny", "run", "--port", "{port}", "tests/support/apps/shiny_app.py"]
    with launched(command, tmp_path, environment(receiver, "grpc")) as app:
        app.wait_ready()
        asyncio.run(asyncio.wait_for(open_tabs(app), 30))
        time.sleep(0.3)
        app.stop(signal.SIGTERM)
        output = app.output()
    receiver.store.wait_quiet()
    spans = [span for span in receiver.store.spans() if span.name.startswith("handler ")]
    expected = sorted(f"handler {person}-{method}" for person in people for method in ("init", "update"))
    assert sorted(span.name for span in spans) == expected, output
    for span in spans:
        person = span.name.removeprefix("handler ").partition("-")[0]
        assert span.attributes["user.email"] == f"{person}@example.com"
