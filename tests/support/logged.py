# SPDX-License-Identifier: Apache-2.0
"""Runs a script whose log records are delivered, and reads what comes out of it."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.support import log_bootstrap

ROOT = Path(__file__).parents[2]


@dataclass
class Logged:
    """What a script has written.

    Attributes:
        stdout: Lines of standard output.
        stderr: Lines of standard error.
        otlp: Records over OTLP, as the SDK writes them down.
        folder: Where the script ran.
    """

    stdout: list[str]
    stderr: list[str]
    otlp: list[dict[str, Any]]
    folder: Path

    @property
    def records(self) -> list[dict[str, Any]]:
        """The lines of standard output that are JSON."""
        return [json.loads(line) for line in self.stdout if line.startswith("{")]

    @property
    def bodies(self) -> list[Any]:
        return [record["body"] for record in self.records]

    @property
    def sent(self) -> list[Any]:
        return [record["body"] for record in self.otlp]

    def count(self, text: str) -> int:
        """How many lines of the two streams say something."""
        return sum(text in line for line in (*self.stdout, *self.stderr))


def environment(mode: str, folder: Path, **more: str) -> dict[str, str]:
    """Return the environment in which a program's log records are delivered."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        "PYTHONDONTWRITEBYTECODE": "1",
        log_bootstrap.MODE: mode,
        log_bootstrap.OTLP_FILE: str(folder / "otlp.jsonl"),
        **more,
    }


def read(folder: Path, stdout: str, stderr: str) -> Logged:
    """Return what a program has written."""
    sent = folder / "otlp.jsonl"
    otlp = [json.loads(line) for line in sent.read_text().splitlines()] if sent.exists() else []
    # Not splitlines: what a reader of JSON lines takes for the end of a line is the line feed alone.
    return Logged(stdout.split("\n")[:-1], stderr.split("\n")[:-1], otlp, folder)


def run(folder: Path, script: str, mode: str = "json", *, status: int = 0, **more: str) -> Logged:
    """Run a script to its end.

    Args:
        folder: Where to run it; it must be empty.
        script: Source text, indented as it pleases.
        mode: `json`, `text` or `off`.
        status: Exit status that it must end with.
        more: Environment variables.
    """
    path = folder / "app.py"
    path.write_text(dedent(script), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.log_bootstrap", str(path)],
        cwd=folder,
        env=environment(mode, folder, **more),
        capture_output=True,
        timeout=60,
        check=False,
    )
    stdout, stderr = (text.decode("utf-8", "surrogateescape") for text in (done.stdout, done.stderr))
    assert done.returncode == status, stderr
    return read(folder, stdout, stderr)
