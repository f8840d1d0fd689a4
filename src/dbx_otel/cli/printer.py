# SPDX-License-Identifier: Apache-2.0
"""Prints what a receiver gets, as it becomes whole."""

import shutil
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from typing import TextIO

from dbx_otel.local.follow import Arrived, Follower
from dbx_otel.local.records import Batch
from dbx_otel.local.terminal import Style, clean, fit, painter, wants_colour
from dbx_otel.local.tree import DEFAULT_WIDTH, log_line, tree_lines

_NARROWEST, _WIDEST = 60, 160


class Printer:
    """Prints traces as trees, log records outside traces as lines, and metrics as one line that counts them.

    `take` may be called from any thread, everything else from one thread.

    Args:
        stream: Where to print; standard output by default.
        quiet: Seconds without an arrival after which a trace is printed.
    """

    def __init__(self, stream: TextIO | None = None, quiet: float = 1.0) -> None:
        self._stream = stream or sys.stdout
        self._follower = Follower(quiet)
        self._lock = threading.Lock()
        self._metrics: Counter[str] = Counter()
        self.colour = wants_colour(self._stream)
        self.paint = painter(self.colour)
        self.width = terminal_width(self._stream)

    def take(self, batch: Batch) -> None:
        """Take the records of one request."""
        self._follower.take(batch)
        with self._lock:
            self._metrics.update(point.name for point in batch.metrics)

    def print_ready(self) -> None:
        """Print what is whole by now."""
        self._print_all(self._follower.ready())

    def print_rest(self) -> None:
        """Print everything that has not been printed."""
        self._print_all(self._follower.rest())

    def say(self, text: str = "", style: Style = Style.PLAIN) -> None:
        """Print a line of text."""
        print(self.paint(text, style), file=self._stream, flush=True)

    def tree(self, arrived: Arrived) -> None:
        """Print traces as trees, and what belongs to no trace as lines."""
        lines = tree_lines(arrived.spans, arrived.logs, width=self.width, colour=self.colour)
        lines += [log_line(log, width=self.width, colour=self.colour) for log in arrived.logs if log.trace_id is None]
        self.say("\n".join(lines))

    def _print_all(self, items: Iterable[Arrived]) -> None:
        for arrived in items:
            self.tree(arrived)
            self.say()
        with self._lock:
            metrics, self._metrics = self._metrics, Counter()
        if metrics:
            names = ", ".join(clean(name) for name in sorted(metrics))
            text = f"{metrics.total()} points of {len(metrics)} metrics: {names}"
            self.say(fit(text, self.width).rstrip(), Style.DIM)
            self.say()


def terminal_width(stream: TextIO) -> int:
    """Return the columns to fill: the terminal's, within reason, or 100 where there is no terminal."""
    if not stream.isatty():
        return DEFAULT_WIDTH
    return min(max(shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns, _NARROWEST), _WIDEST)
