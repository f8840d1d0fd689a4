# SPDX-License-Identifier: Apache-2.0
"""Work that is easily taken for somebody else's, and requests that somebody would like not to be seen."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbx_otel.local.receiver import Receiver
from dbx_otel.local.records import LogRecord, SpanRecord
from tests.support.launched import APPS, Launched, launched, proxy_headers

APP = ["uvicorn", f"{APPS}.whose_app:app", "--port", "{port}"]


@pytest.fixture
def app(receiver: Receiver, otlp: dict[str, str], tmp_path: Path) -> Iterator[Launched]:
    with launched(APP, tmp_path, otlp) as running:
        running.wait_ready()
        yield running


def stopped(app: Launched, receiver: Receiver) -> str:
    time.sleep(0.5)  # a server's span ends a moment after its response has been sent
    app.stop()
    receiver.store.wait_quiet()
    return app.output()


def emails(records: list[LogRecord], prefix: str) -> dict[str, str | None]:
    """Return whom the app's records of some kind name, by tag."""
    found = (record for record in records if str(record.body).startswith(prefix))
    return {record.body.removeprefix(prefix): record.attributes.get("user.email") for record in found}


def servers(receiver: Receiver) -> list[SpanRecord]:
    return receiver.store.spans(kind="server")


def test_who_writes_a_message_is_not_who_makes_the_request(app: Launched, receiver: Receiver) -> None:
    assert app.get("/message/a", "ada").ok
    stopped(app, receiver)
    (span,) = receiver.store.spans(name="message a")
    assert span.attributes["user.email"] == "ada@example.com"
    assert emails(receiver.store.logs(), "message ") == {"a": "ada@example.com"}


def test_a_thread_that_the_first_request_has_started_works_for_nobody_later(app: Launched, receiver: Receiver) -> None:
    assert app.get("/job/a", "ada").ok
    assert app.get("/job/b", "bob").ok
    stopped(app, receiver)
    assert emails(receiver.store.logs(), "job ") == {"a": "ada@example.com", "b": None}


def test_a_thread_with_a_run_of_its_own_works_for_the_request(app: Launched, receiver: Receiver) -> None:
    assert app.get("/runner/a", "ada").ok
    stopped(app, receiver)
    assert emails(receiver.store.logs(), "runner ") == {"a": "ada@example.com"}


def test_requests_sent_at_once_on_one_connection_keep_their_people(app: Launched, receiver: Receiver) -> None:
    with socket.create_connection(("127.0.0.1", app.port), timeout=10) as connection:
        requests = [
            f"GET /path/{person} HTTP/1.1\r\nHost: x\r\n"
            + "".join(f"{name}: {value}\r\n" for name, value in proxy_headers(person).items())
            + "\r\n"
            for person in ("ada", "bob", "cem")
        ]
        connection.sendall("".join(requests).encode())
        received = b""
        while received.count(b"HTTP/1.1 200") < 3:
            received += connection.recv(65536)
    stopped(app, receiver)
    expected = {person: f"{person}@example.com" for person in ("ada", "bob", "cem")}
    assert emails(receiver.store.logs(), "path ") == expected
    spans = servers(receiver)
    assert len({span.trace_id for span in spans}) == 3
    assert sorted(span.attributes["user.email"] for span in spans) == sorted(expected.values())


@pytest.mark.parametrize("module", ["whose_app", "streaming_app"])
def test_a_span_around_the_server_is_no_parent_of_requests(
    module: str, receiver: Receiver, otlp: dict[str, str], tmp_path: Path
) -> None:
    with launched(["python", "-m", f"{APPS}.{module}"], tmp_path, otlp) as app:
        app.wait_ready()
        path = "/path/" if module == "whose_app" else "/stream/"
        for person in ("ada", "bob"):
            assert app.get(path + person, person).ok
        stopped(app, receiver)
    spans = servers(receiver)
    assert sorted(span.attributes["user.email"] for span in spans) == ["ada@example.com", "bob@example.com"]
    assert len({span.trace_id for span in spans}) == 2


@pytest.mark.parametrize("path", ["/path/a/_stcore/b", "/path/a?x=/_stcore/", "/path/a?x=http://x/_stcore/"])
def test_nobody_talks_himself_out_of_the_records(path: str, app: Launched, receiver: Receiver) -> None:
    assert app.get(path, "mallory").ok
    assert app.get("/path/b", "mallory", traceparent=f"00-{'a' * 32}-{'b' * 16}-00").ok
    stopped(app, receiver)
    assert [span.attributes["user.email"] for span in servers(receiver)] == ["mallory@example.com"] * 2


@pytest.mark.parametrize("framework", ["flask", "django"])
@pytest.mark.parametrize("threads", ["1", "4"])
def test_a_streamed_response_is_the_persons(
    framework: str, threads: str, receiver: Receiver, otlp: dict[str, str], tmp_path: Path
) -> None:
    bind = ["-b", "127.0.0.1:{port}", "--threads", threads]
    with launched(["gunicorn", f"{APPS}.streaming_app:{framework}", *bind], tmp_path, otlp) as app:
        app.wait_ready()
        for person in ("ada", "bob"):
            assert app.get(f"/stream/{person}", person).text == "012"
        output = stopped(app, receiver)
    logs = [record for record in receiver.store.logs() if str(record.body).startswith("chunk")]
    assert len(logs) == 6, output
    assert emails(logs, "chunk ") == {"ada": "ada@example.com", "bob": "bob@example.com"}


def test_off_hides_the_address_by_every_way(receiver: Receiver, otlp: dict[str, str], tmp_path: Path) -> None:
    for app_name in ("orders", ""):
        receiver.store.clear()
        environment = {**otlp, "DBX_OTEL_IDENTITY": "off", "DATABRICKS_APP_NAME": app_name}
        with launched(APP, tmp_path, environment) as app:
            app.wait_ready()
            assert app.get("/path/a", "ada", **{"X-Forwarded-For": "198.51.100.9"}).ok
            output = stopped(app, receiver)
        seen = repr([servers(receiver), [log for log in receiver.store.logs() if log.scope.name == "app"]])
        assert "198.51.100.9" not in seen, output
        assert "10.0." not in seen
        assert "ada@" not in seen


def test_captured_headers_show_neither_token_nor_person(
    receiver: Receiver, otlp: dict[str, str], tmp_path: Path
) -> None:
    for fields in ("", "x-mine"):
        receiver.store.clear()
        environment = {
            **otlp,
            "DBX_OTEL_IDENTITY": "off",
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST": ".*",
            "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS": fields,
        }
        with launched(APP, tmp_path, environment) as app:
            app.wait_ready()
            headers = {
                "Cookie": "canary-cookie",
                "Authorization": "Bearer canary",
                "X-Mine": "canary",
                "X-Other": "shown",
            }
            assert app.get(
                "/path/a", "ada", **{name: value for name, value in headers.items() if fields or name != "X-Mine"}
            ).ok
            stopped(app, receiver)
        (span,) = servers(receiver)
        assert "shown" in repr(span)
        assert "canary" not in repr(span)
        assert "ada@" not in repr(span)
