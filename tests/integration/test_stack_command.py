# SPDX-License-Identifier: Apache-2.0
"""`scripts/stack`: starts all, says where, ends all, whatever happens."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from scripts.stack_lib.build import build
from scripts.stack_lib.components import RUNNING
from scripts.stack_lib.paths import REPOSITORY
from scripts.stack_lib.ports import Ports
from tests.support.stack import eventually

pytestmark = pytest.mark.stack

SCRIPT = REPOSITORY / "scripts" / "stack"


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    build(RUNNING, print)


@contextmanager
def started(ready: Path, *options: str | Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, SCRIPT, "--free-ports", "--ready-file", ready, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            eventually(lambda: ready.exists() or process.poll() is not None, seconds=60)
            yield process
        finally:
            process.terminate()


def children(process: subprocess.Popen[str]) -> dict[str, int]:
    """Process id of each program that the stack runs, by the name of the program."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == process.pid:
                found[(entry / "exe").readlink().name] = int(entry.name)
        except (OSError, ValueError):
            continue
    return found


def listens(url: str) -> bool:
    at = urlsplit(url)
    with closing(socket.socket()) as probe:
        return probe.connect_ex((str(at.hostname), at.port or 0)) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_it_says_where_each_part_listens_and_a_signal_ends_all(tmp_path: Path, number: signal.Signals) -> None:
    ready = tmp_path / "ready.json"
    with started(ready, "--data", tmp_path / "data") as process:
        endpoints = json.loads(ready.read_text())
        running = children(process)
        assert set(running) == {"otelcol", "jaeger", "prometheus", "loki"}
        assert {urlsplit(url).hostname for url in endpoints.values()} == {"127.0.0.1"}
        assert all(listens(url) for url in endpoints.values())
        assert requests.get(endpoints["collector_health"], timeout=5).ok
        assert "otelcol_process_uptime" in requests.get(endpoints["collector_metrics"], timeout=5).text
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert all(url in output for url in endpoints.values())
    assert [name for name, pid in running.items() if Path(f"/proc/{pid}").exists()] == []
    assert not any(listens(url) for url in endpoints.values())
    assert not ready.exists()
    assert (tmp_path / "data" / "collector.log").exists(), "data that was asked for is kept"


def test_when_one_program_dies_it_is_named_and_the_others_end(tmp_path: Path) -> None:
    with started(tmp_path / "ready.json") as process:
        running = children(process)
        os.kill(running["loki"], signal.SIGKILL)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "loki ended with status -9" in errors
    assert [name for name, pid in running.items() if Path(f"/proc/{pid}").exists()] == []


def test_the_programs_do_not_outlive_a_stack_that_is_killed(tmp_path: Path) -> None:
    with started(tmp_path / "ready.json") as process:
        running = children(process)
        process.kill()
        process.communicate(timeout=30)
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in running.values()))


def test_a_port_in_use_is_named_with_the_remedy() -> None:
    with socket.socket() as other:
        with suppress(OSError):  # in use already: all the better
            other.bind(("127.0.0.1", Ports().loki))
            other.listen()
        done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert f"{Ports().loki} (loki)" in done.stderr
    assert "--free-ports" in done.stderr


def test_data_that_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    ready, data = tmp_path / "ready.json", tmp_path / "data"
    with started(ready, "--data", data):
        at = json.loads(ready.read_text())
        body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "kept"}}]}]}]}
        assert requests.post(f"{at['otlp_http']}/v1/logs", json=body, timeout=5).ok
        eventually(lambda: lines(at["loki"]))
    with started(ready, "--data", data):
        assert eventually(lambda: lines(json.loads(ready.read_text())["loki"])) == ["kept"]


def lines(loki: str) -> list[str]:
    query = {"query": '{service_name="unknown_service"}'}
    answer = requests.get(f"{loki}/loki/api/v1/query_range", params=query, timeout=5)
    return [line for stream in answer.json()["data"]["result"] for _, line in stream["values"]]
