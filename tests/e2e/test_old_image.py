# SPDX-License-Identifier: Apache-2.0
"""Apps on the library versions of old images work as well as today's."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from dbx_otel.local.receiver import Receiver
from tests.e2e.test_exit import SERVERS, assert_all_arrived, drive, environment, run_streamlit_script
from tests.support.launched import APPS, Launched, launched, proxy_headers
from tests.support.old_image import old_image

OLD_SERVERS = {
    **{name: SERVERS[name] for name in ("uvicorn", "uvicorn --workers 2", "flask run", "gunicorn -w 2")},
    "gunicorn UvicornWorker": [
        *("gunicorn", f"{APPS}.fastapi_app:app", "-b", "127.0.0.1:{port}", "-w", "2"),
        *("-k", "uvicorn.workers.UvicornWorker"),
    ],
}
pytestmark = pytest.mark.xdist_group("old image")


@pytest.fixture(scope="session")
def programs() -> Path:
    return old_image()


@pytest.mark.parametrize("server", OLD_SERVERS)
def test_server(server: str, programs: Path, receiver: Receiver, tmp_path: Path) -> None:
    launcher = [str(programs / "dbx-otel-run")]
    with launched(
        OLD_SERVERS[server], tmp_path, environment(receiver, "grpc"), launcher=launcher, programs=programs
    ) as app:
        drive(app)
        app.stop(signal.SIGTERM)
        output = app.output()
    assert_all_arrived(receiver, output)
    (email,) = {span.attributes["user.email"] for span in receiver.store.spans() if span.kind == "server"}
    assert email == "ada@example.com"
    assert "is not instrumented" not in output


def test_streamlit(programs: Path, receiver: Receiver, tmp_path: Path) -> None:
    command = [
        *("streamlit", "run", "tests/support/apps/streamlit_app.py", "--server.headless", "true"),
        *("--server.port", "{port}", "--server.address", "127.0.0.1", "--browser.gatherUsageStats", "false"),
    ]
    launcher = [str(programs / "dbx-otel-run")]
    with launched(command, tmp_path, environment(receiver, "grpc"), launcher=launcher, programs=programs) as app:
        app.wait_ready()
        assert run_streamlit_script(app, "tag=old") == "old"
        app.stop(signal.SIGTERM)
        output = app.output()
    receiver.store.wait_quiet()
    assert "handler old" in {span.name for span in receiver.store.spans()}, output
    assert "handler old" in {record.body for record in receiver.store.logs()}, output


def test_gradio_events_run_as_the_person_who_caused_them(programs: Path, receiver: Receiver, tmp_path: Path) -> None:
    command = ["python", "-m", f"{APPS}.gradio_app"]
    settings = {**environment(receiver, "grpc"), "GRADIO_ANALYTICS_ENABLED": "false"}
    launcher = [str(programs / "dbx-otel-run")]
    people = [f"person{number}" for number in range(4)]
    with launched(command, tmp_path, settings, launcher=launcher, programs=programs) as app:
        app.wait_answering()
        jobs = [(person, f"{person}-{number}") for number in range(5) for person in people]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda job: send_gradio_event(app, *job), jobs))
        app.stop(signal.SIGTERM)
        output = app.output()
    receiver.store.wait_quiet()
    spans = [span for span in receiver.store.spans() if span.scope.name == "app"]
    assert sorted(span.name for span in spans if span.name.startswith("handler")) == sorted(
        f"handler {tag}" for _, tag in jobs
    ), output
    for span in spans:
        person = span.name.partition(" ")[2].partition("-")[0]
        assert span.attributes["user.email"] == f"{person}@example.com"
    for record in receiver.store.logs():
        if record.scope.name == "app":
            person = record.body.partition(" ")[2].partition("-")[0]
            assert record.attributes["user.email"] == f"{person}@example.com"


def send_gradio_event(app: Launched, person: str, tag: str) -> None:
    """Press enter in the text box, as Gradio's page does it, and wait for the answer."""
    body = {"data": [tag], "fn_index": 0, "session_hash": tag, "trigger_id": 1}
    url = f"http://127.0.0.1:{app.port}"
    headers = proxy_headers(person)
    assert requests.post(f"{url}/queue/join", json=body, headers=headers, timeout=20).ok
    answer = requests.get(f"{url}/queue/data?session_hash={tag}", headers=headers, timeout=20)
    assert f'"data":["{tag}"]' in answer.text.replace(" ", ""), answer.text
