# SPDX-License-Identifier: Apache-2.0
"""What it costs to turn spans, log records and metrics into OTLP, beside the official encoder."""

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import page, valgrind
from benchmarks.encoding_work import RECORDS, WORK

_ROOT = Path(__file__).parents[1]
_FEW, _MANY = 1, 5
"""How often a batch is encoded under valgrind: the difference is free of what the start costs."""


def measure(rounds: int, order: random.Random, *, instructions: bool) -> str:
    """Return the result as Markdown.

    Args:
        rounds: How often each batch is encoded.
        order: Shuffles each round.
        instructions: Whether to count instructions, where valgrind is installed.
    """
    load_before = os.getloadavg()[0]
    seconds = _seconds({name: make() for name, make in WORK.items()}, rounds, order)
    counts = {name: _instructions(name) for name in WORK} if instructions and valgrind.is_installed() else {}
    head = page.circumstances(f"{rounds} rounds of {RECORDS} records a batch", load_before)
    return "\n".join([f"{head} Medians.", "", *_table(seconds, counts), ""])


def _seconds(work: dict[str, Callable[[], bytes]], rounds: int, order: random.Random) -> dict[str, float]:
    """Return the median processor time of a batch."""
    found: dict[str, list[float]] = {name: [] for name in work}
    names = list(work)
    for _ in range(rounds):
        order.shuffle(names)
        for name in names:
            began = time.process_time()
            work[name]()
            found[name].append(time.process_time() - began)
    return {name: statistics.median(each) for name, each in found.items()}


def _instructions(name: str) -> float:
    """Return the instructions, of user mode, that a batch takes."""
    return (_counted(name, _MANY) - _counted(name, _FEW)) / (_MANY - _FEW)


def _counted(name: str, times: int) -> int:
    command = valgrind.counting([sys.executable, "-m", "benchmarks.encoding_work", name, str(times)])
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, cwd=_ROOT, env=environment, check=True, capture_output=True, text=True)
    return valgrind.counted(done.stderr)


def _table(seconds: dict[str, float], counts: dict[str, float]) -> list[str]:
    lines = [
        "| | CPU µs a record | of the official | instructions a record | of the official |",
        "|---|---|---|---|---|",
    ]
    for name, found in seconds.items():
        official = f"{name.split(', ')[0]}, official"
        cells = [name, f"{1e6 * found / RECORDS:.1f}", f"{found / seconds[official]:.0%}"]
        cells += [f"{counts[name] / RECORDS:.0f}", f"{counts[name] / counts[official]:.0%}"] if counts else ["", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
