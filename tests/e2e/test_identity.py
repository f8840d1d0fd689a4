# SPDX-License-Identifier: Apache-2.0
"""Every span and log record bears the person of its own request, in every server, also when requests interleave."""

import signal
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dbx_otel.local.receiver import Receiver
from tests.support.launched import APPS, launched, proxy_headers

SERVERS = {
    "fastapi": ["uvicorn", f"{APPS}.fastapi_app:app", "--port", "{port}"],
    "starlette": ["python", "-m", "uvicorn", f"{APPS}.starlette_app:app", "--port", "{port}"],
    "flask": ["python", "-m", f"{APPS}.flask_app"],
    "flask-gunicorn": ["gunicorn", f"{APPS}.flask_app:app", "-b", "127.0.0.1:{port}", "--threads", "4"],
    "django": ["python", "-m", f"{APPS}.django_app"],
    "django-gunicorn": ["gunicorn", f"{APPS}.django_app:app", "-b", "127.0.0.1:{port}", "--threads", "4"],
    "tornado": ["python", "-m", f"{APPS}.tornado_app"],
    "aiohttp": ["python", "-m", f"{APPS}.aiohttp_app"],
}
PEOPLE = [f"person{number}" for number in range(10)]


@pytest.mark.parametrize("server", SERVERS)
def test_interleaved_requests_keep_their_people(
    server: str, receiver: Receiver, otlp: dict[str, str], tmp_path: Path
) -> None:
    jobs = [(person, f"{person}-{number}") for number in range(20) for person in PEOPLE]
    with launched(SERVERS[server], tmp_path, otlp) as app:
        app.wait_ready()

        def ask(job: tuple[str, str]) -> None:
            person, tag = job
            path = "/sync/" if tag.endswith(("1", "3", "5", "7", "9")) else "/async/"
            assert app.get(path + tag, person).text.strip('"') == tag

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, jobs))
        time.sleep(0.5)  # a server's span ends a moment after its response has been sent
        app.stop(signal.SIGTERM)
        output = app.output()
    receiver.store.wait_quiet()
    spans = receiver.store.spans()
    logs = [record for record in receiver.store.logs() if record.scope.name == "app"]
    servers = [span for span in spans if span.kind == "server"]
    assert len(servers) == len(jobs), output
    for span in spans:
        if span.name.partition(" ")[0] in {"handler", "pool", "thread", "task", "to_thread"}:
            assert_person(span.attributes, span.name.partition(" ")[2])
    for span in servers:
        assert_person(span.attributes, span.attributes["url.path"].rpartition("/")[2])
    assert len(logs) == sum(span.scope.name == "app" for span in spans) >= 3 * len(jobs)
    by_span = {span.span_id: span for span in spans}
    for record in logs:
        where, _, tag = record.body.partition(" ")
        assert_person(record.attributes, tag)
        assert by_span[record.span_id or ""].name == f"{where} {tag}"
    assert "canary-of-a-token" not in output + repr(spans) + repr(logs)


def assert_person(attributes: Mapping[str, object], tag: str) -> None:
    headers = proxy_headers(tag.partition("-")[0])
    assert attributes["user.email"] == headers["X-Forwarded-Email"]
    assert attributes["user.id"] == headers["X-Forwarded-User"]
    assert attributes["user.name"] == headers["X-Forwarded-Preferred-Username"]
    assert attributes["client.address"] == headers["X-Real-Ip"]
    assert attributes["databricks.request.id"] == headers["X-Request-Id"]
    assert attributes["databricks.identity.source"] == "proxy_header"
    assert attributes["databricks.on_behalf_of"] is True


@pytest.mark.parametrize("server", ["fastapi", "flask", "django", "tornado", "aiohttp"])
def test_without_a_person_the_proxy_is_not_taken_for_one(
    server: str, receiver: Receiver, otlp: dict[str, str], tmp_path: Path
) -> None:
    with launched(SERVERS[server], tmp_path, otlp) as app:
        app.wait_ready()
        assert app.get("/sync/nobody").ok
        assert app.get("/sync/bad", **{"X-Forwarded-Email": "not an address", "X-Real-Ip": "not an address"}).ok
        time.sleep(0.5)
        app.stop(signal.SIGTERM)
    receiver.store.wait_quiet()
    spans = receiver.store.spans()
    assert {span.attributes["databricks.identity.source"] for span in spans} == {"none"}
    assert not [span.attributes["client.address"] for span in spans if "client.address" in span.attributes]
    assert not [span for span in spans if "user.email" in span.attributes]
    bad = [span for span in spans if span.kind == "server" and span.attributes["url.path"] == "/sync/bad"]
    rejected = ["x-forwarded-email:malformed", "x-real-ip:malformed"]
    assert [list(span.attributes["databricks.identity.rejected"]) for span in bad] == [rejected]
