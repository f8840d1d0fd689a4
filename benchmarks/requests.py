# SPDX-License-Identifier: Apache-2.0
"""What a launcher adds to each request of a web app; see benchmarks/README.md."""

import http.client
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import environments, neighbours, page, request_tables
from benchmarks.processes import Command, Failed, Running, cpu_of_tree, free_port, memory_of_tree, running
from benchmarks.request_tables import BARE, VANILLA, Found

ROOT = Path(__file__).parents[1]
_CONNECTIONS = 8
_SETTLED = 1.8
"""Seconds after the last request until its telemetry has been sent: delays are set to one second for all."""

FASTAPI = ("uvicorn", "fastapi_app:app", "--port", "{port}")
_SERVERS = {
    "FastAPI on uvicorn": FASTAPI,
    "Flask on gunicorn": ("gunicorn", "-w", "1", "--threads", "4", "-b", "127.0.0.1:{port}", "flask_app:app"),
}


class Variant(NamedTuple):
    """A way to run the app.

    Attributes:
        launcher: Whose environment it is, and the word before the command.
        environment: More environment variables.
    """

    launcher: str
    environment: Mapping[str, str] = {}


_VARIANTS = {
    BARE: Variant(environments.BARE),
    VANILLA: Variant(environments.VANILLA),
    "`ddtrace-run`": Variant(environments.DATADOG),
    "`dbx-otel-run`": Variant(environments.OURS, {"DBX_OTEL_STDOUT": "off"}),
    "`dbx-otel-run`, JSON logs": Variant(environments.OURS, {"DBX_OTEL_STDOUT": "json"}),
    "`dbx-otel-run`, SDK": Variant(environments.OURS, {"DBX_OTEL_STDOUT": "off", "DBX_OTEL_PIPELINE": "sdk"}),
}


class Size(NamedTuple):
    """How much is measured.

    Attributes:
        rounds: How often each variant is run.
        warm_up: Requests of each route before the measurement.
        requests: Requests of each route that are measured.
    """

    rounds: int
    warm_up: int
    requests: Mapping[str, int]


WHOLE = Size(5, 300, {"/ping": 3000, "/work": 1500})
QUICK = Size(2, 50, {"/ping": 400, "/work": 200})


def measure(size: Size, order: random.Random) -> str:
    """Return the result as Markdown.

    Args:
        size: How much is measured.
        order: Shuffles each round.

    Raises:
        Failed: A server did not start, or did not answer as it should.
    """
    folders = programs()
    load_before = os.getloadavg()[0]
    found: dict[str, dict[str, list[Found]]] = {server: {name: [] for name in _VARIANTS} for server in _SERVERS}
    runs = [(server, name) for server in _SERVERS for name in _VARIANTS]
    with neighbours_running() as port:
        for number in range(size.rounds):
            order.shuffle(runs)
            for server, name in runs:
                found[server][name].append(bench(name, folders, port).run(_SERVERS[server], size))
            print(f"requests: round {number + 1} of {size.rounds}", file=sys.stderr)
    counts = " and ".join(f"{count} requests of {route}" for route, count in size.requests.items())
    head = page.circumstances(f"{size.rounds} rounds of {counts} over {_CONNECTIONS} connections", load_before)
    return f"{head} Median (least to most).\n\n{request_tables.tables(found)}\n"


def programs() -> dict[str, Path]:
    """Make the environments that are missing; return the folder with the programs of each, by launcher."""
    app = ["fastapi", "uvicorn", "databricks-sdk", "flask", "gunicorn"]
    return environments.build(app, [environments.BARE, environments.VANILLA, environments.DATADOG, environments.OURS])


def bench(name: str, folders: Mapping[str, Path], port: int) -> "Bench":
    """Return what runs a variant.

    Args:
        name: Its name.
        folders: What `programs` has returned.
        port: Where the services around the app listen.
    """
    variant = _VARIANTS[name]
    return Bench(variant, folders[variant.launcher], port)


@contextmanager
def neighbours_running() -> Iterator[int]:
    """Run the services around the app, and give their port."""
    command = [sys.executable, "-m", "benchmarks.neighbours"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline())  # type: ignore[union-attr]  # it is a pipe
        finally:
            process.communicate()


class Bench:
    """One run of one variant.

    Args:
        variant: How the app is run.
        programs: Folder with the programs of its environment.
        neighbours_port: Where telemetry goes.
    """

    def __init__(self, variant: Variant, programs: Path, neighbours_port: int) -> None:
        self._variant = variant
        self._programs = programs
        self._neighbours = neighbours_port

    def command(self, server: Sequence[str], port: int) -> Command:
        """Return what starts a server of the app on a port."""
        launcher = [] if self._variant.launcher == environments.BARE else [self._variant.launcher]
        words = [*launcher, *(word.format(port=port) for word in server)]
        return Command(words, self._environment(), ROOT / "benchmarks" / "apps")

    def settle(self) -> None:
        """Wait until the telemetry of past requests has been sent."""
        time.sleep(_SETTLED)

    def run(self, server: Sequence[str], size: Size) -> Found:
        """Start the server, warm it up and measure each route."""
        port = free_port()
        with running(self.command(server, port)) as process:
            process.wait_for_200(port)
            for route in size.requests:
                load(port, route, size.warm_up)
            self.settle()
            routes = {route: self._route(process, port, route, count) for route, count in size.requests.items()}
            memory = memory_of_tree(process.process.pid)
        return Found(routes, memory)

    def _route(self, process: Running, port: int, route: str, count: int) -> request_tables.Route:
        self._ask(neighbours.RESET)
        before = cpu_of_tree(process.process.pid)
        latency = load(port, route, count)
        self.settle()
        cpu = cpu_of_tree(process.process.pid) - before
        counts = self._ask(neighbours.COUNTS)
        return request_tables.Route(
            cpu=cpu / count,
            median=latency["median"],
            p99=latency["p99"],
            spans=counts["spans"] / count,
            log_records=counts["log_records"] / count,
            wire_bytes=counts["bytes"] / count,
        )

    def _ask(self, path: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._neighbours, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse().read()
        connection.close()
        return json.loads(answer or b"null")

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        address = f"http://127.0.0.1:{self._neighbours}"
        return {
            **kept,
            "PATH": f"{self._programs}:{os.defpath}",
            "OTHER_SERVICE": f"{address}{neighbours.OTHER_SERVICE}",
            "DATABRICKS_APP_NAME": "benchmark",
            "DATABRICKS_WORKSPACE_ID": "1234567890",
            "OTEL_SERVICE_NAME": "benchmark",
            "OTEL_EXPORTER_OTLP_ENDPOINT": address,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_BSP_SCHEDULE_DELAY": "1000",
            "OTEL_BLRP_SCHEDULE_DELAY": "1000",
            "DD_SERVICE": "benchmark",
            "DD_TRACE_AGENT_URL": address,
            "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
            "DD_REMOTE_CONFIGURATION_ENABLED": "false",
            **self._variant.environment,
        }


def load(port: int, route: str, count: int) -> dict[str, float]:
    """Make requests, from a process of its own.

    Args:
        port: Where the server listens.
        route: What is asked for.
        count: How often.

    Returns:
        What `benchmarks.load.run` returns.

    Raises:
        Failed: The server has answered with something else than 200.
    """
    command = [sys.executable, "-m", "benchmarks.load", str(port), route, str(_CONNECTIONS), str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{route}: {done.stderr}")
    latency: dict[str, float] = json.loads(done.stdout)
    return latency
