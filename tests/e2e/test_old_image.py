# SPDX-License-Identifier: Apache-2.0
"""Apps on the library versions of old images work as well as today's."""

import signal
from pathlib import Path

import pytest

from dbx_otel.local.receiver import Receiver
from tests.e2e.test_exit import SERVERS, assert_all_arrived, drive, environment, run_streamlit_script
from tests.support.launched import APPS, launched
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
