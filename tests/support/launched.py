# SPDX-License-Identifier: Apache-2.0
"""Runs a command under `dbx-otel-run` the way the platform would, and talks to it the way the proxy would."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import requests

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LAUNCHER = str(BIN / "dbx-otel-run")
APPS = "tests.support.apps"


# Below the ports that the system gives away, and for each of several test processes others: two that ask the system at
# the same time can be told the same port.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = itertools.cycle(range(20000 + 2000 * (_WORKER % 4), 22000 + 2000 * (_WORKER % 4)))


PIPELINE = "DBX_OTEL_PIPELINE"
"""Passed on to apps: `make test` runs the end-to-end tests on both pipelines."""


def free_port() -> int:
    for port in _PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def app_environment(port: int = 0, programs: Path = BIN, **more: str) -> dict[str, str]:
    """Return the environment of an app on the platform; OTLP goes nowhere unless `more` says so."""
    names = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_CACHE_HOME", PIPELINE)
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {
        **kept,
        "PATH": f"{programs}:{kept.get('PATH', '')}",
        "PYTHONPATH": str(ROOT),
        "DATABRICKS_APP_NAME": "orders",
        "DATABRICKS_WORKSPACE_ID": "1234567890",
        "DATABRICKS_CLIENT_ID": "5f1c1c5e-0000-4000-8000-000000000000",
        "DATABRICKS_APP_PORT": str(port),
        "PORT": str(port),
        "OTEL_BSP_SCHEDULE_DELAY": "60000",
        "OTEL_BLRP_SCHEDULE_DELAY": "60000",
        **more,
    }


def proxy_headers(person: str, request_id: str = "0b7e6f5e-2a57-4bd8-9c3c-3f0a3c1f7a11") -> dict[str, str]:
    """Return what the Apps proxy adds to a request of a person."""
    number = sum(person.encode())
    return {
        "X-Forwarded-User": f"{number}@1234567890",
        "X-Forwarded-Email": f"{person}@example.com",
        "X-Forwarded-Preferred-Username": person.title(),
        "X-Real-Ip": f"10.0.{number // 256}.{number % 256}",
        "X-Request-Id": request_id,
        "X-Forwarded-Access-Token": "eyJ0.canary-of-a-token.sig",
    }


@dataclass
class Launched:
    """A running command.

    Attributes:
        process: The process; `dbx-otel-run` first, the command once it has replaced itself.
        port: Port that the command was told to listen on.
        log: Where its standard output and error go.
    """

    process: subprocess.Popen[bytes]
    port: int
    log: IO[bytes]
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, person: str | None = None, **headers: str) -> requests.Response:
        sent = {**(proxy_headers(person) if person else {}), **headers}
        return self.session.get(f"http://127.0.0.1:{self.port}{path}", headers=sent, timeout=20)

    def wait_ready(self, timeout: float = 30.0) -> None:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode} before it listened:\n{self.output()}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"did not listen within {timeout} s:\n{self.output()}")

    def wait_answering(self, path: str = "/", timeout: float = 30.0) -> None:
        """Wait until a request is answered; some servers listen, stop, and listen again while they start."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            self.wait_ready(timeout)
            try:
                if self.get(path).ok:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"did not answer within {timeout} s:\n{self.output()}")

    def stop(self, signum: int = signal.SIGTERM, timeout: float = 20.0) -> int:
        """Send a signal and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
        return self.process.wait(timeout)

    def output(self) -> str:
        self.log.flush()
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")


@contextmanager
def launched(
    command: Sequence[str],
    tmp_path: Path,
    environment: Mapping[str, str] | None = None,
    *,
    launcher: Sequence[str] = (LAUNCHER,),
    cwd: Path = ROOT,
    programs: Path = BIN,
) -> Iterator[Launched]:
    """Run a command under the launcher; `{port}` in a word becomes a free port. Ends it at the end.

    `programs` is the folder where `python`, `uvicorn` and so on are found first.
    """
    port = free_port()
    words = [*launcher, *(word.replace("{port}", str(port)) for word in command)]
    # To be appended to: the place to read from, which moves, is that of the app, too.
    with (tmp_path / f"output-{port}.log").open("a+b") as log:
        process = subprocess.Popen(
            words,
            env=app_environment(port, programs, **(environment or {})),
            cwd=cwd,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        running = Launched(process, port, log)
        try:
            yield running
        finally:
            running.session.close()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
