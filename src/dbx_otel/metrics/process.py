# SPDX-License-Identifier: Apache-2.0
"""How the process is doing: processor time, memory, threads, files, garbage collection.

The same metrics as opentelemetry-instrumentation-system-metrics 0.66b1 makes of a process; a test compares them.
"""

import os
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Final

from dbx_otel import __version__, diagnostics
from dbx_otel.metrics.asynchronous import Observe
from dbx_otel.metrics.instruments import Registry
from dbx_otel.metrics.synchronous import Attributes
from dbx_otel.otlp.model import Scope

_SCHEMA = "https://opentelemetry.io/schemas/1.11.0"

SCOPE: Final = Scope("opentelemetry.instrumentation.system_metrics", __version__, _SCHEMA)
"""Named like the instrumentation whose metrics these are, so that dashboards find them."""

_SOON = 2.0
"""Seconds after which a process is worth observing: importing psutil takes time."""

Values = Iterable[tuple[float, Attributes]]


def observe(registry: Registry) -> None:
    """Observe this process, and each that is forked from it, once it has lived for a while.

    Args:
        registry: Takes the instruments.
    """
    this = _ThisProcess()
    for name, unit, description, kind, look in (
        ("process.cpu.time", "s", "Total CPU seconds broken down by different states.", "counter", _cpu_time),
        (
            "process.context_switches",
            "",
            "Number of times the process has been context switched.",
            "counter",
            _context_switches,
        ),
        ("process.memory.usage", "By", "The amount of physical memory in use.", "up_down_counter", _memory),
        ("process.memory.virtual", "By", "The amount of committed virtual memory.", "up_down_counter", _virtual_memory),
        (
            "process.open_file_descriptor.count",
            "",
            "Number of file descriptors in use by the process.",
            "up_down_counter",
            _open_files,
        ),
        ("process.thread.count", "", "Process threads count.", "up_down_counter", _threads),
        (
            "cpython.gc.collections",
            "{collection}",
            "The number of times a generation was collected since interpreter start.",
            "counter",
            _collections,
        ),
    ):
        registry.observable(SCOPE, name, unit, description, kind, this.looking(look))


class _ThisProcess:
    """This process as psutil sees it, which is imported when it is first looked at. A forked child is another."""

    def __init__(self) -> None:
        self._is_unknown = False
        self._begin_anew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin_anew)

    def looking(self, look: Callable[[Any], Values]) -> Observe:
        """Return what looks something up, and finds nothing in a process that is too young or cannot be observed.

        Args:
            look: Takes psutil's process.
        """

        def observed() -> Values:
            process = self._process()
            return look(process) if process is not None else ()

        return observed

    def _begin_anew(self) -> None:
        self._begin = monotonic()
        self._found: Any = None

    def _process(self) -> Any:
        if self._found is None and not self._is_unknown and monotonic() - self._begin >= _SOON:
            try:
                import psutil

                self._found = psutil.Process()
            except Exception as error:
                # Process metrics are a by-product.
                self._is_unknown = True
                diagnostics.say(f"process metrics are off: {type(error).__name__}: {error}")
        return self._found


def _cpu_time(process: Any) -> Values:
    times = process.cpu_times()
    return [(times.user, (("type", "user"),)), (times.system, (("type", "system"),))]


def _context_switches(process: Any) -> Values:
    try:
        switches = process.num_ctx_switches()
    except NotImplementedError:
        return ()  # where /proc does not tell
    return [(switches.involuntary, (("type", "involuntary"),)), (switches.voluntary, (("type", "voluntary"),))]


def _memory(process: Any) -> Values:
    return [(process.memory_info().rss, ())]


def _virtual_memory(process: Any) -> Values:
    return [(process.memory_info().vms, ())]


def _open_files(process: Any) -> Values:
    return [(process.num_fds(), ())]


def _threads(process: Any) -> Values:
    return [(process.num_threads(), ())]


def _collections(process: Any) -> Values:  # noqa: ARG001 -- of this process, but only once it is observed
    import gc

    return [
        (generation["collections"], (("cpython.gc.generation", number), ("generation", str(number))))
        for number, generation in enumerate(gc.get_stats())
    ]
