# SPDX-License-Identifier: Apache-2.0
"""The whole stack: started together, watched, ended together."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from .build import build
from .components import RUNNING
from .ports import Endpoints, Ports
from .process import Process
from .services import services

READY_SECONDS = 90


class StackError(RuntimeError):
    """The stack could not be started or a part of it died; the message shows the end of that part's log."""


class Stack:
    """Collector, Jaeger, Prometheus and Loki on 127.0.0.1; a context manager, entered when all are healthy.

    Args:
        data: folder for data and logs; made if it is not there.
        ports: where to listen.
        environment: variables for all programs, over ours (`COLLECTOR_SPAN_METRICS_INTERVAL=1s`).
        say: takes one line on each step.

    Raises:
        BuildError: a program is missing and could not be built.
        StackError: a port is taken, or a program did not become healthy.
    """

    def __init__(
        self,
        data: Path,
        ports: Ports,
        environment: Mapping[str, str] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.data = data
        self.ports = ports
        self.endpoints = Endpoints.of(ports)
        self._environment = dict(environment or {})
        self._say = say
        self._processes: dict[str, Process] = {}

    def __enter__(self) -> Self:
        """Build what is missing, start all, wait until all are healthy."""
        build(RUNNING, self._say)
        if taken := self.ports.taken():
            where = ", ".join(f"{port} ({name})" for name, port in taken.items())
            raise StackError(f"ports in use on 127.0.0.1: {where}; end what listens there or use --free-ports")
        self.data.mkdir(parents=True, exist_ok=True)
        try:
            for service in services(self.ports, self.data):
                process = Process(service, self.data / f"{service.name}.log", self._environment)
                self._processes[service.name] = process
                process.start()
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all."""
        self.stop()

    def process(self, name: str) -> Process:
        """One program: `collector`, `jaeger`, `prometheus` or `loki`."""
        return self._processes[name]

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until every program is healthy.

        Raises:
            StackError: one died, or is not healthy within `seconds`.
        """
        deadline = time.monotonic() + seconds
        waiting = list(self._processes.values())
        while waiting:
            self.check()
            waiting = [process for process in waiting if not process.is_ready()]
            if waiting and time.monotonic() > deadline:
                late = waiting[0]
                raise StackError(
                    f"{late.service.name} is not healthy after {seconds:.0f} s; end of {late.log}:\n{late.last_lines()}"
                )
            time.sleep(0.1 if waiting else 0)

    def check(self) -> None:
        """Raise a StackError if a program has ended by itself."""
        for process in self._processes.values():
            if process.exit_status is not None:
                raise StackError(
                    f"{process.service.name} ended with status {process.exit_status}; "
                    f"end of {process.log}:\n{process.last_lines()}"
                )

    def stop(self) -> None:
        """End the collector, so that it hands over what it holds, then the rest at once."""
        for name in ("collector", *self._processes):
            process = self._processes.get(name)
            if process is None:
                continue
            if name == "collector":
                process.stop()
            process.ask_to_end()
        for process in self._processes.values():
            process.stop()
