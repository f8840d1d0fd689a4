# SPDX-License-Identifier: Apache-2.0
"""What a launcher adds to the start of a Python program; see benchmarks/README.md."""

import argparse
import os
import platform
import random
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import environments, report  # noqa: E402 -- found by the line above
from benchmarks.processes import (  # noqa: E402 -- as above
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
from dbx_otel.local.receiver import Receiver  # noqa: E402 -- as above

PASS = "`python -c pass`"
IMPORT = "`import fastapi`, to its end"
IMPORT_RUN = "`import fastapi`, to the end of the process"
FIRST_200 = "first 200 of a FastAPI app"
LAUNCHERS = {report.BARE: [], report.VANILLA: ["opentelemetry-instrument"], report.OURS: ["dbx-otel-run"]}
_IMPORT_AND_PRINT = "import fastapi, time; print(time.process_time(), time.perf_counter())"
PAGE = ROOT / "docs" / "benchmarks.md"
_MARKED = re.compile(r"(<!-- startup: begin -->\n).*(<!-- startup: end -->)", re.DOTALL)


def main() -> int:
    """Measure and print; the exit status is 1 where something could not be measured."""
    arguments = _arguments()
    try:
        programs = environments.build_all()
        with Receiver() as receiver:
            benchmark = Benchmark(programs, receiver, arguments.protocol)
            benchmark.check_that_spans_arrive()
            text = benchmark.measure(arguments.rounds, random.Random(arguments.seed))
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    print(text)
    if arguments.write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(_MARKED.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page), encoding="utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="rounds, each in an order of its own (default: 15)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the orders (default: 0)")
    parser.add_argument("--protocol", choices=["http/protobuf", "grpc"], default="http/protobuf", help="of OTLP")
    parser.add_argument("--write", action="store_true", help="put the result into docs/benchmarks.md")
    return parser.parse_args()


class Benchmark:
    """Runs every workload under every launcher.

    Args:
        programs: Folder with the programs of each environment, by launcher.
        receiver: Takes the telemetry, so that export works.
        protocol: How OTLP is spoken to it.
    """

    def __init__(self, programs: dict[str, Path], receiver: Receiver, protocol: str) -> None:
        self._programs = programs
        self._receiver = receiver
        self._protocol = protocol
        self._said: set[str] = set()

    def check_that_spans_arrive(self) -> None:
        """Make sure that each launcher does its work before its cost is measured.

        Raises:
            Failed: No server span has arrived.
        """
        for launcher in (report.VANILLA, report.OURS):
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
            workload: {launcher: [] for launcher in LAUNCHERS} for workload in (PASS, IMPORT, IMPORT_RUN, FIRST_200)
        }
        runs = [(workload, launcher) for workload in costs for launcher in LAUNCHERS]
        for workload, launcher in runs:
            self._run(workload, launcher)  # warms the caches of the disk
        load_before = os.getloadavg()[0]
        for number in range(rounds):
            order.shuffle(runs)
            for workload, launcher in runs:
                costs[workload][launcher].append(self._run(workload, launcher))
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
        head = _circumstances(rounds, self._protocol, load_before)
        said = "".join(f"\n- {line}" for line in sorted(self._said))
        return f"{head}\n\n{report.tables(costs)}\n" + (f"\nSaid meanwhile:\n{said}\n" if said else "")

    def _run(self, workload: str, launcher: str) -> Cost:
        if workload == FIRST_200:
            port = free_port()
            cost, text = until_first_200(self._command(launcher, _server(port)), port)
        elif workload == IMPORT:
            cost, text = until_printed(self._command(launcher, ["python", "-c", _IMPORT_AND_PRINT]))
        else:
            code = "pass" if workload == PASS else "import fastapi"
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
            **self._receiver.environment(self._protocol),
            **more,
        }
        return Command([*LAUNCHERS[launcher], *words], environment, ROOT / "benchmarks")


def _server(port: int) -> list[str]:
    return ["uvicorn", "app:app", "--port", str(port)]


def _circumstances(rounds: int, protocol: str, load_before: float) -> str:
    load_after = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {rounds} rounds, OTLP by {protocol}, "
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()} with "
        f"{os.cpu_count()} cores. Load of the machine (1 minute) {load_before:.1f} at the beginning, "
        f"{load_after:.1f} at the end. Median (least to most)."
    )


if __name__ == "__main__":
    sys.exit(main())
