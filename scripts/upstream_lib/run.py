# SPDX-License-Identifier: Apache-2.0
"""Runs the SDK's tracing tests in a process of their own, and compares with what is expected."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from xml.etree.ElementTree import parse

from .fetch import BIN, Sources

EXPECTED = Path(__file__).parents[2] / "tests" / "upstream" / "expected.toml"
_IN_PLACE = Path(__file__).parent / "in_place"
_SECONDS = 300


class Outcome(NamedTuple):
    """How the tests went, by their names.

    Attributes:
        passed: Those that passed.
        failed: Those that did not, with the reason that pytest gives.
    """

    passed: frozenset[str]
    failed: dict[str, str]


def run(sources: Sources) -> Outcome:
    """Run the tests with ours in the place of the SDK's.

    Args:
        sources: Where they are.

    Returns:
        How they went. One that fails and should not is run once more: some of them measure time.
    """
    outcome = _pytest(sources, ["tests/trace"])
    doubtful = outcome.failed.keys() - expected().keys()
    if not doubtful:
        return outcome
    again = _pytest(sources, sorted(doubtful))
    failed = {name: reason for name, reason in outcome.failed.items() if name not in again.passed}
    return Outcome(outcome.passed | again.passed, failed)


def expected() -> dict[str, str]:
    """Return the tests that are known not to pass, each with the reason."""
    reasons: dict[str, str] = tomllib.loads(EXPECTED.read_text(encoding="utf-8"))
    return reasons


def surprises(outcome: Outcome) -> list[str]:
    """Return a line for each test that went otherwise than expected.

    Args:
        outcome: How the tests went.
    """
    known = expected()
    lines = [f"fails: {name}: {reason}" for name, reason in outcome.failed.items() if name not in known]
    lines += [f"passes, so it is to be taken from the list: {name}" for name in known if name in outcome.passed]
    lines += [f"there is no such test: {name}" for name in known if name not in outcome.passed | outcome.failed.keys()]
    return lines


def _pytest(sources: Sources, what: list[str]) -> Outcome:
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", ".", f"--junit-xml={report}"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *what],
            cwd=sources.tests,
            env=_environment(sources),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        if done.returncode not in {0, 1} or not report.exists():
            raise RuntimeError(f"the tests could not be run: {done.stdout}{done.stderr}")
        return _read(report)


def _environment(sources: Sources) -> dict[str, str]:
    """Return the environment of the tests: nothing that is set for OpenTelemetry here reaches them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "DBX_OTEL_"))}
    path = f"{BIN}{os.pathsep}{kept.get('PATH', '')}"
    return {
        **kept,
        "PATH": path,
        "PYTHONPATH": f"{_IN_PLACE}{os.pathsep}{sources.helpers}",
    }


def _read(report: Path) -> Outcome:
    passed, failed = set(), {}
    for case in parse(report).iter("testcase"):
        module, _, name = case.attrib["classname"].rpartition(".")
        test = f"{module.replace('.', '/')}.py::{name}::{case.attrib['name']}"
        problem = case.find("failure") if case.find("failure") is not None else case.find("error")
        if problem is not None:
            failed[test] = problem.attrib["message"].splitlines()[0]
        elif case.find("skipped") is None:
            passed.add(test)
    return Outcome(frozenset(passed - failed.keys()), failed)
