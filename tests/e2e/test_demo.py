# SPDX-License-Identifier: Apache-2.0
"""`dbx-otel demo`, the way a newcomer runs it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from tests.support.launched import proxy_headers

COMMAND = [sys.executable, "-m", "dbx_otel.cli", "demo"]


def test_once_shows_everything_and_ends_with_status_0(tmp_path: Path) -> None:
    # Telemetry settings of the person who runs it would spoil it or send its data away.
    settings = {
        "OTEL_SDK_DISABLED": "true",
        "DBX_OTEL_IDENTITY": "off",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x.invalid",
    }
    done = subprocess.run(
        [*COMMAND, "--once"], env={**os.environ, **settings}, cwd=tmp_path,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert [line for line in lines if " from 203.0.113.7" in line] == [
        "Ada Lovelace <ada@example.com> from 203.0.113.7"
    ]
    assert any(re.fullmatch(r"GET /orders/\{order_id\} +server +200 +\S+ (ms|µs|s)", line) for line in lines)
    assert any(re.fullmatch(r".*└─ GET /rates/\{currency\} +server +200 .*", line) for line in lines)
    assert any(re.fullmatch(r"GET /revenue +server +403 denied +\S+ (ms|µs|s)", line) for line in lines)
    assert any(re.fullmatch(r".─ WARN  orders  revenue denied", line) for line in lines), done.stdout
    written = [json.loads(line) for line in lines if line.startswith("{")]
    denied = [line for line in written if line["body"] == "revenue denied"]
    assert [line["user"]["email"] for line in denied] == ["alan@example.com"]
    assert all(re.fullmatch("[0-9a-f]{32}", line["trace_id"]) for line in written)
    assert [line.split()[0] for line in lines if re.match("  (ok|no)  ", line)] == ["ok"] * 5
    # Trees and text fit a page; JSON lines are as long as they are.
    assert all(len(line) <= 100 for line in lines if not line.startswith("{") and str(Path.cwd()) not in line)
    assert list(tmp_path.iterdir()) == []


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout
    read = ""
    deadline = time.monotonic() + 60
    while text not in read:
        line = process.stdout.readline()
        assert line, read
        assert time.monotonic() < deadline, read
        read += line
    return read


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_it_goes_on_serving_until_it_is_told_to_end(signum: int) -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            invitation = read_until(process, "Ctrl-C ends.")
            assert "curl -H 'X-Forwarded-User: " in invitation.replace(" \\\n    ", " ")
            found = re.search(r"app +http://127.0.0.1:(\d+)", invitation)
            assert found
            port = int(found.group(1))
            answer = requests.get(f"http://127.0.0.1:{port}/orders", headers=proxy_headers("eve"), timeout=10)
            assert answer.status_code == 200
            assert "Eve <eve@example.com>" in read_until(process, "GET /orders ")
            process.send_signal(signum)
            assert process.wait(30) == 0
            assert process.stderr
            assert process.stderr.read() == ""
        finally:
            process.kill()
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_interrupted_before_its_end_it_says_so_by_its_status() -> None:
    with subprocess.Popen([*COMMAND, "--once"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            read_until(process, "receiver ")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 130
        finally:
            process.kill()
