# SPDX-License-Identifier: Apache-2.0
"""`dbx-otel receive` as a process: what it prints, what it writes, how it ends."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

COMMAND = [sys.executable, "-m", "dbx_otel.cli", "receive", "--http-port", "0", "--grpc-port", "0"]
SPAN: dict[str, Any] = {
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "name": "GET /orders",
    "startTimeUnixNano": "1000000000",
    "endTimeUnixNano": "1012000000",
    "attributes": [{"key": "user.email", "value": {"stringValue": "ada@example.com"}}],
}
LOGS: dict[str, Any] = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "loose"}}]}]}]}


def traces(span: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


class Receiving:
    """A running command, its output read as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        with self._changed:
            found = self._changed.wait_for(lambda: re.search(pattern, "\n".join(self.lines)), timeout=15)
            assert found, self.lines
            return found

    def end(self, signum: int = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        status = self.process.wait(15)
        self._reader.join()
        return status

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout:
            for line in self.process.stdout:
                with self._changed:
                    self.lines.append(line.rstrip("\n"))
                    self._changed.notify_all()


@contextmanager
def receiving(*options: str) -> Iterator[Receiving]:
    process = subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    running = Receiving(process)
    try:
        yield running
    finally:
        running.end(signal.SIGKILL)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_prints_trees_writes_lines_and_ends_in_good_order(signum: int, tmp_path: Path) -> None:
    path = tmp_path / "out.ndjson"
    with receiving("--json", str(path)) as command:
        endpoint = command.wait_for(r"OTLP/HTTP on (http://\S+),").group(1)
        assert requests.post(f"{endpoint}/v1/traces", json=traces(SPAN), timeout=10).status_code == 200
        assert requests.post(f"{endpoint}/v1/logs", json=LOGS, timeout=10).status_code == 200
        # On the disk before it is acknowledged.
        assert [json.loads(line)["signal"] for line in path.read_text().splitlines()] == ["span", "log"]
        command.wait_for(r"ada@example.com\nGET /orders +12.0 ms")
        command.wait_for("LOG   loose")
        late = SPAN | {"name": "just before the end"}
        assert requests.post(f"{endpoint}/v1/traces", json=traces(late), timeout=10).status_code == 200
        assert command.end(signum) == 0
        assert any(line.startswith("just before the end") for line in command.lines)
        assert command.lines[-1] == "received 2 spans, 1 log records, 0 metric points"
        assert not any("\x1b" in line for line in command.lines)


def test_a_taken_port_is_named_in_one_line() -> None:
    with receiving() as command:
        port = command.wait_for(r"OTLP/HTTP on http://127.0.0.1:(\d+),").group(1)
        second = subprocess.run(
            [*COMMAND, "--http-port", port], capture_output=True, text=True, timeout=15, check=False
        )
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}" in second.stderr
    assert "--help" in second.stderr


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stderr
            endpoint = process.stdout.readline().split()[2].rstrip(",")
            process.stdout.close()
            requests.post(f"{endpoint}/v1/logs", json=LOGS, timeout=10)
            assert process.wait(15) == 1
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_a_file_that_cannot_be_written_is_named_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "absent" / "out.ndjson"
    done = subprocess.run([*COMMAND, "--json", str(path)], capture_output=True, text=True, timeout=15, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert str(path) in done.stderr
