# SPDX-License-Identifier: Apache-2.0
"""The example apps, started with the very words of their app.yaml."""

import ast
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from streamlit.testing.v1 import AppTest

from dbx_otel.local.receiver import Receiver
from dbx_otel.local.records import SpanRecord
from tests.support.launched import ROOT, Launched, launched

EXAMPLES = ROOT / "examples"
NAMES = ["fastapi", "flask", "streamlit"]


def command_of(name: str) -> list[str]:
    command: list[str] = yaml.safe_load((EXAMPLES / name / "app.yaml").read_text())["command"]
    return command


@contextmanager
def example(name: str, otlp: dict[str, str], tmp_path: Path) -> Iterator[Launched]:
    """Run an example as the platform would, but for the address: 0.0.0.0 is for containers."""
    platform = [
        "UVICORN_HOST=127.0.0.1",
        "UVICORN_PORT={port}",
        "STREAMLIT_SERVER_ADDRESS=127.0.0.1",
        "STREAMLIT_SERVER_PORT={port}",
        "STREAMLIT_SERVER_HEADLESS=true",
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS=false",
    ]
    words = [
        word.replace("$DATABRICKS_APP_PORT", "{port}").replace("0.0.0.0", "127.0.0.1") for word in command_of(name)
    ]
    with launched([*platform, *words], tmp_path, otlp, launcher=["env"], cwd=EXAMPLES / name) as app:
        app.wait_ready()
        yield app


@pytest.mark.parametrize("name", NAMES)
def test_it_reads_as_an_app_author_writes_it(name: str) -> None:
    tree = ast.parse((EXAMPLES / name / "app.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [module for module in imported if module.startswith(("opentelemetry", "dbx_otel"))]
    required = (EXAMPLES / name / "requirements.txt").read_text().splitlines()
    assert required[0] == "dbx-otel"


@pytest.mark.parametrize("name", NAMES)
def test_app_yaml_is_a_list_of_words(name: str) -> None:
    command = command_of(name)
    assert all(isinstance(word, str) for word in command)
    assert command[0] == "dbx-otel-run"
    # Not a shell: nothing but this one name is replaced.
    assert all("$" not in word.replace("$DATABRICKS_APP_PORT", "") for word in command)
    assert not set("|&;<>`'\"*") & set("".join(command))


@pytest.mark.parametrize("name", ["fastapi", "flask"])
def test_people_and_outcomes_arrive(name: str, receiver: Receiver, otlp: dict[str, str], tmp_path: Path) -> None:
    asked = [
        ("ada", "/orders", 200),
        ("grace", "/orders/1002", 200),
        ("ada", "/revenue", 200),
        ("alan", "/revenue", 403),
    ]
    with example(name, otlp, tmp_path) as app:
        for person, path, status in asked:
            assert app.get(path, person).status_code == status
        assert app.stop(signal.SIGTERM) in {0, -signal.SIGTERM}, app.output()
        output = app.output()
    receiver.store.wait_quiet()
    spans = [span for span in receiver.store.spans(kind="server") if span.parent_span_id is None]
    assert sorted(map(summary, spans)) == sorted(
        (f"{person}@example.com", path, status) for person, path, status in asked
    ), output
    denied = next(span for span in spans if span.attributes["http.response.status_code"] == 403)
    logs = receiver.store.logs(trace_id=denied.trace_id, body="revenue denied")
    assert [record.attributes["user.email"] for record in logs] == ["alan@example.com"]


def test_the_streamlit_app_starts(otlp: dict[str, str], tmp_path: Path) -> None:
    with example("streamlit", otlp, tmp_path) as app:
        assert app.get("/_stcore/health").text == "ok"
        assert app.stop(signal.SIGTERM) in {0, -signal.SIGTERM}, app.output()
        assert "Traceback" not in app.output()


def test_the_streamlit_app_runs() -> None:
    page = AppTest.from_file(str(EXAMPLES / "streamlit" / "app.py"), default_timeout=30).run()
    page.button[0].click().run()
    assert not page.exception
    assert [error.value for error in page.error] == ["The revenue is for the finance team."]


def summary(span: SpanRecord) -> tuple[str, str, int]:
    attributes = span.attributes
    return attributes["user.email"], attributes["url.path"], attributes["http.response.status_code"]
