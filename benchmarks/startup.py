# SPDX-License-Identifier: Apache-2.0
"""What a launcher adds to the start of a Python program; see benchmarks/README.md."""

import os
import random
import sys
from pathlib import Path

from benchmarks import environments, page, startup_tables
from benchmarks.environments import BARE, OURS, VANILLA
from benchmarks.processes import (
    TIMEOUT,
    Command,
    Cost,
    Failed,
    free_port,
    running,
    until_exit,
    until_first_200,
    until_printed,
)
from dbx_otel.local.receiver import Receiver

ROOT = Path(__file__).parents[1]
PASS = "`python -c pass`"
IMPORT = "imports of an app, to their end"
IMPORT_RUN = "imports of an app, to the end of the process"
FIRST_200 = "first 200 of a FastAPI app"
_APP = ["fastapi", "uvicorn", "databricks-sdk"]
"""What the app itself needs; databricks-sdk because a Databricks App has it, and requests with it."""
_IMPORTS = "import fastapi, databricks.sdk"
_IMPORT_AND_PRINT = f"{_IMPORTS}, time; print(time.process_time(), time.perf_counter())"
_LAUNCHERS = {BARE: [], VANILLA: [VANILLA], OURS: [OURS]}


def measure(rounds: int, order: random.Random) -> str:
    """Return the result as Markdown.

    Args:
        rounds: How often everything is run.
        order: Shuffles each round.

    Raises:
        Failed: A command did not do what it should.
    """
    programs = environments.build(_APP, list(_LAUNCHERS))
    with Receiver() as receiver:
        benchmark = _Benchmark(programs, receiver)
        benchmark.check_that_spans_arrive()
        return benchmark.measure(rounds, order)


class _Benchmark:
    """Runs every workload under every launcher.

    Args:
        programs: Folder with the programs of each environment, by launcher.
        receiver: Takes the telemetry, so that export works.
    """

    def __init__(self, programs: dict[str, Path], receiver: Receiver) -> None:
        self._programs = programs
        self._receiver = receiver
        self._said: set[str] = set()

    def check_that_spans_arrive(self) -> None:
        """Make sure that each launcher does its work before its cost is measured.

        Raises:
            Failed: No server span has arrived.
        """
        for launcher in (VANILLA, OURS):
            port = free_port()
            self._receiver.store.clear()
            with running(self._command(launcher, _server(port), OTEL_BSP_SCHEDULE_DELAY="50")) as server:
                server.wait_for_200(port)
                if not self._receiver.store.wait_for(lambda store: bool(store.spans(kind="server")), TIMEOUT):
                    raise Failed(f"no server span of the app under {launcher} has arrived")

    def measure(self, rounds: int, order: random.Random) -> str:
        """Return the result as Markdown.

        Args:
            rounds: How often everything is run.
            order: Shuffles each round.
        """
        costs: dict[str, dict[str, list[Cost]]] = {
            workload: {launcher: [] for launcher in _LAUNCHERS} for workload in (PASS, IMPORT, IMPORT_RUN, FIRST_200)
        }
        runs = [(workload, launcher) for workload in costs for launcher in _LAUNCHERS]
        for workload, launcher in runs:
            self._run(workload, launcher)  # warms the caches of the disk
        load_before = os.getloadavg()[0]
        for number in range(rounds):
            order.shuffle(runs)
            for workload, launcher in runs:
                costs[workload][launcher].append(self._run(workload, launcher))
            print(f"start-up: round {number + 1} of {rounds}", file=sys.stderr)
        head = page.circumstances(f"{rounds} rounds", load_before)
        said = "".join(f"\n- {line}" for line in sorted(self._said))
        return f"{head} Median (least to most).\n\n{startup_tables.tables(costs)}\n" + (
            f"\nSaid meanwhile:\n{said}\n" if said else ""
        )

    def _run(self, workload: str, launcher: str) -> Cost:
        if workload == FIRST_200:
            port = free_port()
            cost, text = until_first_200(self._command(launcher, _server(port)), port)
        elif workload == IMPORT:
            cost, text = until_printed(self._command(launcher, ["python", "-c", _IMPORT_AND_PRINT]))
        else:
            code = "pass" if workload == PASS else _IMPORTS
            cost, text = until_exit(self._command(launcher, ["python", "-c", code]))
        self._said.update(line for line in text.splitlines() if line.startswith("dbx-otel"))
        return cost

    def _command(self, launcher: str, words: list[str], **more: str) -> Command:
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        environment = {
            **kept,
            "PATH": f"{self._programs[launcher]}:{os.defpath}",
            "DATABRICKS_APP_NAME": "benchmark",
            "DATABRICKS_WORKSPACE_ID": "1234567890",
            **self._receiver.environment("http/protobuf"),
            **more,
        }
        return Command([*_LAUNCHERS[launcher], *words], environment, ROOT / "benchmarks" / "apps")


def _server(port: int) -> list[str]:
    return ["uvicorn", "startup_app:app", "--port", str(port)]
