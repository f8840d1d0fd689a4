# SPDX-License-Identifier: Apache-2.0
"""One program of the stack while it runs."""

import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from .services import Service

STOP_SECONDS = 15  # until a program that was asked to end is killed
KEPT = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Process:
    """Starts and ends one service; its output goes to a log file, a restart appends to it."""

    def __init__(self, service: Service, log: Path, extra: Mapping[str, str]) -> None:
        self.service = service
        self.log = log
        # Nothing else of our environment: proxy settings and OTEL_* variables would change what they do.
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self._environment = {**kept, **service.environment, **extra}
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. It gets a session of its own, so that Ctrl-C reaches us alone and we end all in order."""
        with self.log.open("ab") as stream:
            self._running = subprocess.Popen(
                [*_die_with_us(), *self.service.command],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    @property
    def exit_status(self) -> int | None:
        """Status that it ended with, None while it runs or was never started."""
        return self._running.poll() if self._running else None

    def is_ready(self) -> bool:
        """Whether its ready URL answers 200."""
        try:
            with _opener.open(self.service.ready, timeout=2) as answer:
                return bool(answer.status == 200)  # noqa: PLR2004 -- HTTP's OK
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        """Ask it to end and wait for that; kill it after 15 seconds. No error if it does not run."""
        self.ask_to_end()
        if self._running is None:
            return
        try:
            self._running.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._running = None

    def ask_to_end(self) -> None:
        """Send SIGTERM if it runs."""
        if self._running is not None and self._running.poll() is None:
            self._running.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    def last_lines(self, count: int = 20) -> str:
        """End of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:]) if self.log.exists() else ""


_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _die_with_us() -> list[str]:
    """Words that let the kernel end a program when we are killed, where the system has them."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
