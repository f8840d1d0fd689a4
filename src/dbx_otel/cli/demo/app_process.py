# SPDX-License-Identifier: Apache-2.0
"""The example app, started as the platform would start it, with both outputs read line by line."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from dbx_otel.cli.demo.people import WORKSPACE_ID

APP_NAME = "orders"

_START_SECONDS = 40.0
_END_SECONDS = 10.0


class AppProcess:
    """The app while the `with` block runs; it is ended with SIGTERM, as the platform does.

    Args:
        folder: Where `app.py` lies.
        telemetry: Variables that say where telemetry goes.
        on_line: Called with each line of the app's standard output, from a thread.
    """

    def __init__(self, folder: Path, telemetry: Mapping[str, str], on_line: Callable[[str], None]) -> None:
        self._folder = folder
        self._telemetry = telemetry
        self._on_line = on_line
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self.port = _free_port()
        self.errors: list[str] = []

    def __enter__(self) -> Self:
        # A session of its own: Ctrl-C in the terminal reaches us alone, and we end the app in good order.
        launcher = [sys.executable, "-m", "dbx_otel.launch.command"]
        words = [*launcher, sys.executable, "-m", "uvicorn", "app:app", "--app-dir", str(self._folder)]
        self._process = subprocess.Popen(  # noqa: S603 -- our own words
            words,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        for stream, on_line in (
            (self._process.stdout, self._on_line),
            (self._process.stderr, self.errors.append),
        ):
            if stream:
                self._read(stream, on_line)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def exit_status(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.poll() if self._process else None

    def wait_until_listening(self) -> bool:
        """Wait until the app takes connections; tell whether it did. No request is made, hence no trace."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self.exit_status is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return True
        return False

    def end(self) -> None:
        """End the app and read its output to the end. May be called twice."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for reader in self._readers:
            reader.join(_END_SECONDS)

    def _environment(self) -> dict[str, str]:
        """Return the platform's variables over ours, without telemetry settings that are set here."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DBX_OTEL_"))}
        return inherited | {
            "DATABRICKS_APP_NAME": APP_NAME,
            "DATABRICKS_APP_PORT": str(self.port),
            "DATABRICKS_WORKSPACE_ID": WORKSPACE_ID,
            "DATABRICKS_HOST": "https://workspace.example.com",
            "DATABRICKS_CLIENT_ID": "0b6a7d0e-5c1f-4f0e-9a53-2f1f3a1c9d10",
            "UVICORN_HOST": "127.0.0.1",
            "UVICORN_PORT": str(self.port),
            "PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            # An example read from a checkout leaves nothing behind there.
            "PYTHONDONTWRITEBYTECODE": "1",
            **self._telemetry,
        }

    def _read(self, stream: IO[str], on_line: Callable[[str], None]) -> None:
        def read() -> None:
            with stream:
                for line in stream:
                    on_line(line.rstrip("\n"))

        reader = threading.Thread(target=read, name="app-output", daemon=True)
        reader.start()
        self._readers.append(reader)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
