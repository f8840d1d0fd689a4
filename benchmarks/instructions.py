# SPDX-License-Identifier: Apache-2.0
"""How many instructions a launcher adds to each request; see benchmarks/README.md."""

import os
import sys

from benchmarks import page, requests, valgrind
from benchmarks.environments import OURS
from benchmarks.processes import Command, free_port, running
from benchmarks.request_tables import BARE, VANILLA

_ROUTE = "/ping"
"""Of one thread: how often several threads hand over the interpreter is another under valgrind."""
_OURS = "`dbx-otel-run`"
_VARIANTS = (BARE, VANILLA, _OURS, f"{_OURS}, JSON logs")
_WITHOUT = {
    "spans": {"OTEL_TRACES_EXPORTER": "none"},
    "log records": {"OTEL_LOGS_EXPORTER": "none"},
    "metrics": {"OTEL_METRICS_EXPORTER": "none"},
    "the user": {"DBX_OTEL_IDENTITY": "off"},
    "any of them, with the hooks left": {"OTEL_SDK_DISABLED": "true"},
}
"""What `dbx-otel-run` can do without."""
_FEW, _MANY = 100, 500
_SLOWER = 600.0
"""Seconds that a server may take to start under valgrind, on a busy machine."""


def measure(*, quick: bool) -> str:
    """Return the result as Markdown; says so where valgrind is not installed.

    Args:
        quick: Whether to leave out what each thing takes.

    Raises:
        Failed: A server did not start, or did not answer as it should.
    """
    if not valgrind.is_installed():
        return "Not counted: valgrind is not installed.\n"
    programs = requests.programs()
    load_before = os.getloadavg()[0]
    counts: dict[str, float] = {}
    without: dict[str, float] = {}
    with requests.neighbours_running() as port:
        for name in _VARIANTS:
            counts[name] = _of_a_request(requests.bench(name, programs, port))
            print(f"instructions: {name} is counted", file=sys.stderr)
        for part, environment in {} if quick else _WITHOUT.items():
            variant = requests.Variant(OURS, {"DBX_OTEL_STDOUT": "off", **environment})
            without[part] = _of_a_request(requests.Bench(variant, programs[OURS], port))
            print(f"instructions: without {part} is counted", file=sys.stderr)
    head = page.circumstances(f"{_MANY - _FEW} requests of {_ROUTE} of the FastAPI app", load_before)
    return "\n".join([head, "", *_table(counts), "", *_parts_table(counts, without), ""])


def _of_a_request(bench: requests.Bench) -> float:
    few, many = (_of_a_run(bench, count) for count in (_FEW, _MANY))
    return (many - few) / (_MANY - _FEW)


def _of_a_run(bench: requests.Bench, count: int) -> int:
    port = free_port()
    command = bench.command(requests.FASTAPI, port)
    environment = {**command.environment, "PYTHONHASHSEED": "0", "PATH": f"{command.environment['PATH']}:/usr/bin"}
    slow = Command(valgrind.counting(command.words), environment, command.folder)
    with running(slow) as server:
        server.wait_for_200(port, _SLOWER)
        requests.load(port, _ROUTE, count)
        bench.settle()
        server.end()
        return valgrind.counted(server.printed())


def _table(counts: dict[str, float]) -> list[str]:
    lines = [f"| {_ROUTE} | thousand instructions a request | added | of theirs |", "|---|---|---|---|"]
    for name, count in counts.items():
        added, theirs = count - counts[BARE], counts[VANILLA] - counts[BARE]
        cells = [name, f"{count / 1000:.0f}"]
        cells += ["", ""] if name == BARE else [f"{added / 1000:.0f}", f"{added / theirs:.0%}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _parts_table(counts: dict[str, float], without: dict[str, float]) -> list[str]:
    """Return what is saved where one thing is left out; the hooks in the frameworks stay."""
    whole, bare = counts[_OURS], counts[BARE]
    lines = [f"| {_ROUTE} under {_OURS} without | thousand instructions added | saved |", "|---|---|---|"]
    for part, count in without.items():
        lines.append(f"| {part} | {(count - bare) / 1000:.0f} | {(whole - count) / (whole - bare):.0%} |")
    return lines if without else []
