# SPDX-License-Identifier: Apache-2.0
"""Builds the programs of the stack into the cache, each one once."""

import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .components import Component
from .paths import cache_directory
from .toolchain import find_go

JOBS = 2  # packages compiled at a time
LOG_TAIL = 30  # lines of a failed build that are shown


class BuildError(RuntimeError):
    """A program of the stack could not be built; the message says why and where its log is."""


def build(components: Iterable[Component], say: Callable[[str], None]) -> None:
    """Build each component that the cache lacks; takes no time when there is nothing to do.

    A build happens in a folder of its own that is renamed when it is whole: an interrupted run leaves nothing
    that looks finished, and what Go had compiled until then is not compiled again.

    Raises:
        BuildError: a step failed.
    """
    missing = [component for component in components if not component.directory.exists()]
    if not missing:
        return
    cache_directory().mkdir(parents=True, exist_ok=True)
    with _only_one_builder(say):
        go = find_go(say)
        for component in missing:
            if not component.directory.exists():
                _build_one(component, go, say)


@contextmanager
def _only_one_builder(say: Callable[[str], None]) -> Iterator[None]:
    with (cache_directory() / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build runs; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_one(component: Component, go: Path, say: Callable[[str], None]) -> None:
    partial = cache_directory() / f".{component.name}.partial"
    _remove(partial)
    output, work = partial / "output", partial / "work"
    output.mkdir(parents=True)
    log = cache_directory() / f"{component.name}.log"
    say(f"{component.name} {component.version}: building, a first time takes some {component.minutes} minutes")
    started = time.monotonic()
    with log.open("w") as stream:
        steps = _Steps(go, stream.fileno(), log)
        if component.manifest is None:
            _compile_module(component, steps, work, output)
        else:
            _compile_collector(component, steps, work, output)
    output.rename(component.directory)
    _remove(partial)
    say(f"{component.name} {component.version}: built in {time.monotonic() - started:.0f} s")


class _Steps:
    """Runs Go at low priority, with its output in the log of the build."""

    def __init__(self, go: Path, log_descriptor: int, log: Path) -> None:
        self.go = go
        self.log = log
        self._descriptor = log_descriptor
        flags = f"{os.environ.get('GOFLAGS', '')} -p={JOBS} -trimpath -buildvcs=false"
        path = f"{go.parent}{os.pathsep}{os.environ.get('PATH', '')}"
        changes = {
            "CGO_ENABLED": "0",
            "GOWORK": "off",
            "GOTOOLCHAIN": "local",
            "GOFLAGS": flags.strip(),
            "PATH": path,
        }
        self._environment = os.environ | changes

    def run(self, arguments: list[str], directory: Path, *, flags: str = "") -> None:
        environment = self._environment | {"GOFLAGS": f"{self._environment['GOFLAGS']} {flags}".strip()}
        command = ["nice", "-n", "15", str(self.go), *arguments]
        done = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            stdout=self._descriptor,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode != 0:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_TAIL:])
            raise BuildError(f"`go {' '.join(arguments)}` failed (whole log: {self.log}):\n{tail}")

    def fetch(self, module: str, directory: Path) -> Path:
        """Folder of a module's source in Go's module cache."""
        command = [str(self.go), "mod", "download", "-json", module]
        answer = subprocess.run(
            command, cwd=directory, env=self._environment, capture_output=True, text=True, check=False
        )
        found = json.loads(answer.stdout or "{}")
        if "Dir" not in found:
            raise BuildError(f"Go module {module} could not be fetched: {found.get('Error') or answer.stderr}")
        return Path(found["Dir"])


def _compile_module(component: Component, steps: _Steps, work: Path, output: Path) -> None:
    source = steps.fetch(f"{component.module}@{component.version}", output)
    shutil.copytree(source, work, copy_function=shutil.copyfile)
    for directory in [work, *(path for path in work.rglob("*") if path.is_dir())]:
        directory.chmod(0o755)
    for module in component.drop_replace:
        steps.run(["mod", "edit", f"-dropreplace={module}"], work)
    tags = [f"-tags={','.join(component.tags)}"] if component.tags else []
    for name, package in component.programs.items():
        target = str(output / name)
        steps.run(["build", "-mod=mod", "-ldflags=-s -w", *tags, "-o", target, package], work)


def _compile_collector(component: Component, steps: _Steps, work: Path, output: Path) -> None:
    """Run the collector's builder over the manifest, whose output folder is relative to `work`."""
    if component.manifest is None:
        raise BuildError(f"{component.name} has no manifest")
    work.mkdir()
    builder = f"{component.module}@{component.version}"
    steps.run(["run", builder, f"--config={component.manifest}"], work)
    for name in component.programs:
        (work / "build" / name).rename(output / name)


def _remove(directory: Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)
