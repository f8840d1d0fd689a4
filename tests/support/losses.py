# SPDX-License-Identifier: Apache-2.0
"""Counts what apps produce and what a collector gets that goes away and comes back."""

import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests

from dbx_otel.local.receiver import Receiver
from dbx_otel.local.store import Store
from tests.support.apps.producing import EVENT
from tests.support.launched import APPS, Launched, free_port, launched

KINDS = {
    "uvicorn": ["uvicorn", f"{APPS}.producing.fastapi_app:app", "--port", "{port}"],
    "gunicorn -w 2": ["gunicorn", f"{APPS}.producing.flask_app:app", "-b", "127.0.0.1:{port}", "-w", "2"],
    "script": ["python", "-m", f"{APPS}.producing.script"],
}
DEADLINE = 2.0
"""Seconds that the exit of a process may take for sending."""
ENDS_ONE_AFTER_THE_OTHER = {"gunicorn -w 2": 2}
"""How many processes of a kind end one after the other: gunicorn's own does after its workers."""


class Collector:
    """A collector on ports of its own, which can be stopped and started. What it got it keeps."""

    def __init__(self) -> None:
        self.store = Store()
        self._ports = free_port(), free_port()
        self._receiver: Receiver | None = None
        self._holding: list[socket.socket] = []
        self.stop()

    def start(self) -> None:
        http_port, grpc_port = self._ports
        self._let_ports_go()
        self._receiver = Receiver(http_port=http_port, grpc_port=grpc_port, store=self.store)
        self._receiver.__enter__()

    def stop(self) -> None:
        if self._receiver is not None:
            self._receiver.__exit__(None, None, None)
            self._receiver = None
        if not self._holding:
            self._holding = [_bound(port) for port in self._ports]

    def end(self) -> None:
        self.stop()
        self._let_ports_go()

    def _let_ports_go(self) -> None:
        while self._holding:
            self._holding.pop().close()

    def environment(self, protocol: str) -> dict[str, str]:
        port = self._ports[protocol == "grpc"]
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "DBX_OTEL_EXIT_DEADLINE": str(DEADLINE),
        }

    def spans(self) -> Counter[str]:
        return Counter(tag for span in self.store.spans() if (tag := _behind("span ", span.name)))

    def logs(self) -> Counter[str]:
        return Counter(tag for record in self.store.logs() if (tag := _behind("log ", record.body)))

    def security(self) -> Counter[str]:
        return Counter(str(record.attributes["audit.record.id"]) for record in self.store.logs(event_name=EVENT))

    def wait_for(self, tags: set[str], got: Callable[[], Counter[str]], seconds: float = 30) -> None:
        """Wait until all tags are there, and a moment longer, for what should not come."""
        self.store.wait_for(lambda _: tags <= set(got()), seconds)
        time.sleep(0.5)


@contextmanager
def collector(*, is_there: bool = True) -> Iterator[Collector]:
    made = Collector()
    if is_there:
        made.start()
    try:
        yield made
    finally:
        made.end()


@dataclass
class Producer:
    """An app of some kind under the launcher.

    Attributes:
        kind: Of which kind.
        app: The app.
        prefix: Begin of its tags.
        made: Which process has produced which tag.
    """

    kind: str
    app: Launched
    prefix: str
    made: dict[str, str] = field(default_factory=dict)

    def produce(self, count: int, interval: float = 0.0) -> set[str]:
        """Have it produce, and return the tags of what it says it has."""
        if self.kind == "script":
            self._read(count)
        else:
            self.app.wait_ready()
            for _ in range(count):
                self._ask(f"{self.prefix}-{len(self.made)}")
                time.sleep(interval)
        return set(self.made)

    def produce_until_killed(self, seconds: float) -> set[str]:
        """Have it produce as fast as it can, kill all its processes in the midst of it, and return likewise."""
        self.produce(1)
        killing = threading.Timer(seconds, os.killpg, (self.app.process.pid, signal.SIGKILL))
        killing.start()
        with suppress(requests.RequestException):
            while self.kind != "script":
                self._ask(f"{self.prefix}-{len(self.made)}")
        killing.join()
        self.app.process.wait()
        self._read_output()
        return set(self.made)

    def end(self) -> float:
        """End it as the platform does, and return how many seconds it took."""
        began = time.monotonic()
        self.app.stop(signal.SIGTERM)
        return time.monotonic() - began

    def lines(self) -> str:
        """Return what it wrote, without the log lines in JSON."""
        return "\n".join(line for line in self.app.output().splitlines() if not line.startswith("{"))

    def _ask(self, tag: str) -> None:
        self.app.session.close()  # another connection, so that all workers get some
        answer = self.app.get(f"/produce/{tag}", "ada")
        assert answer.ok, self.lines()
        self.made[tag] = answer.json()["pid"]

    def _read(self, count: int) -> None:
        end = time.monotonic() + 40
        while len(self.made) < count:
            assert time.monotonic() < end, self.lines()
            assert self.app.process.poll() is None, self.lines()
            self._read_output()
            time.sleep(0.02)

    def _read_output(self) -> None:
        for line in self.app.output().splitlines():
            if line.startswith('{"tag"') and line.endswith("}"):
                said = json.loads(line)
                self.made[said["tag"]] = said["pid"]


@contextmanager
def producer(
    kind: str,
    tmp_path: Path,
    environment: Mapping[str, str],
    *,
    prefix: str = "first",
    count: int = 0,
    interval: float = 0.0,
) -> Iterator[Producer]:
    """Start an app.

    Args:
        kind: One of `KINDS`.
        tmp_path: Where its output and its spool are.
        environment: Of the app, beside that of the platform.
        prefix: Begin of its tags.
        count: How many times a script produces; a server does when it is asked.
        interval: Seconds from one time to the next, likewise.
    """
    more = [prefix, str(count), str(interval)] if kind == "script" else []
    spool = {"DBX_OTEL_SPOOL_DIR": str(tmp_path / "spool")}
    with launched([*KINDS[kind], *more], tmp_path, {**spool, **environment}) as app:
        yield Producer(kind, app, prefix)


def _bound(port: int) -> socket.socket:
    """Keep a port from others. Who connects to it is refused, as nobody listens."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # also while connections to it fade away
    held.bind(("127.0.0.1", port))
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return held


def _behind(begin: str, text: object) -> str:
    return text.removeprefix(begin) if isinstance(text, str) and text.startswith(begin) else ""
