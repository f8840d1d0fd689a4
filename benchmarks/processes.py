# SPDX-License-Identifier: Apache-2.0
"""Runs a command and tells what it took. Linux only: reads other processes' clocks and memory."""

import http.client
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, NamedTuple

TIMEOUT = 60.0
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
_CLOCK_OF_PROCESS = 2
"""CPUCLOCK_SCHED: all threads of a process, user and system (Linux, `clock_getcpuclockid`)."""


class Cost(NamedTuple):
    """What a run took, in seconds."""

    cpu: float
    wall: float


class Failed(Exception):  # noqa: N818 -- reads as what happened
    """The command did not do what it should; the text holds what it printed."""


@dataclass(frozen=True)
class Command:
    """What to run.

    Attributes:
        words: Program and arguments; the program is looked up on the PATH of the environment.
        environment: All of its environment.
        folder: Working folder.
    """

    words: Sequence[str]
    environment: Mapping[str, str]
    folder: Path


def until_exit(command: Command) -> tuple[Cost, str]:
    """Run a command to its end.

    Returns:
        User and system time of the whole process tree, the wall time, and what went to standard error.

    Raises:
        Failed: The exit status is not 0.
    """
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = _start(command, output)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        text = _text(output)
    if process.returncode != 0:
        raise Failed(f"{' '.join(command.words)} ended with {process.returncode}:\n{text}")
    return Cost(usage.ru_utime + usage.ru_stime, wall), text


def until_printed(command: Command) -> tuple[Cost, str]:
    """Run a command that prints `time.process_time()` and `time.perf_counter()` when it has got there.

    Returns:
        User and system time of the process, its time as a launcher included; the wall time; and what went to
        standard error.

    Raises:
        Failed: It ended with another status than 0.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as printed:
        began = time.perf_counter()
        process = _start(command, output, printed)
        if process.wait(TIMEOUT) != 0:
            raise Failed(f"{' '.join(command.words)} ended with {process.returncode}:\n{_text(output)}")
        cpu, done = (float(word) for word in _text(printed).splitlines()[-1].split())
        # perf_counter is CLOCK_MONOTONIC on Linux, which all processes share.
        return Cost(cpu, done - began), _text(output)


def until_first_200(command: Command, port: int) -> tuple[Cost, str]:
    """Run a server until it has answered one request with 200, then end it.

    Returns:
        User and system time of the process tree up to then, the wall time, and what went to standard error.

    Raises:
        Failed: It ended, or did not answer within the time limit.
    """
    with running(command) as server:
        server.wait_for_200(port)
        cost = Cost(cpu_of_tree(server.process.pid), time.perf_counter() - server.began)
        return cost, _text(server.output)


@dataclass
class Running:
    """A server that runs.

    Attributes:
        process: The process.
        output: Its standard error.
        began: When it was started, by `time.perf_counter`.
    """

    process: "subprocess.Popen[bytes]"
    output: IO[bytes]
    began: float

    def wait_for_200(self, port: int, timeout: float = TIMEOUT) -> None:
        """Ask for `/` until the answer is 200.

        Args:
            port: Where it listens.
            timeout: Seconds from its start that it may take.

        Raises:
            Failed: The server ended, or did not answer within the time limit.
        """
        while time.perf_counter() < self.began + timeout:
            if self.process.poll() is not None:
                raise Failed(f"the server ended with {self.process.returncode}:\n{_text(self.output)}")
            if _answers(port):
                return
            time.sleep(0.001)
        raise Failed(f"the server did not answer within {timeout:g} s:\n{_text(self.output)}")

    def end(self) -> None:
        """End it by SIGTERM, or by force where it does not end within the time limit."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def printed(self) -> str:
        """Return what went to standard error so far."""
        return _text(self.output)


@contextmanager
def running(command: Command) -> Iterator[Running]:
    """Run a server for the duration of a block, then end it by SIGTERM."""
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = _start(command, output)
        server = Running(process, output, began)
        try:
            yield server
        finally:
            server.end()


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == HTTPStatus.OK
    except ConnectionError:
        return False
    finally:
        connection.close()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(command: Command, output: IO[bytes], printed: IO[bytes] | None = None) -> "subprocess.Popen[bytes]":
    program = next(
        str(Path(folder) / command.words[0])
        for folder in command.environment["PATH"].split(os.pathsep)
        if (Path(folder) / command.words[0]).exists()
    )
    return subprocess.Popen(
        [program, *command.words[1:]],
        env=dict(command.environment),
        cwd=command.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if printed is None else printed,
        stderr=output,
    )


def _text(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode("utf-8", "replace")


def cpu_of_tree(pid: int) -> float:
    """Return the processor time of a process and its living descendants so far, in seconds."""
    return sum(time.clock_gettime((~each << 3) | _CLOCK_OF_PROCESS) for each in _tree(pid))


def memory_of_tree(pid: int) -> int:
    """Return the memory of a process and its living descendants, in bytes; what they share is counted once (PSS)."""
    sizes = [_PSS.search(Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii")) for each in _tree(pid)]
    return sum(1024 * int(size[1]) for size in sizes if size)


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in tasks.read_text(encoding="ascii").split():
            yield from _tree(int(child))
