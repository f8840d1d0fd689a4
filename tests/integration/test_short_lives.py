# SPDX-License-Identifier: Apache-2.0
"""How a process was doing is told of those that live for a while, and of their children."""

import subprocess
import sys

import pytest

from dbx_otel.local.receiver import Receiver
from dbx_otel.local.store import Store
from tests.support.launched import LAUNCHER, app_environment

LOGGED = "import logging, time; logging.getLogger('app').warning('here')"
COUNTER = "from opentelemetry import metrics; metrics.get_meter('app').create_counter('mine').add(1)"


def run(program: str, **environment: str) -> Store:
    with Receiver() as receiver:
        everything = {**app_environment(), **receiver.environment("http/protobuf"), **environment}
        subprocess.run([LAUNCHER, sys.executable, "-c", program], env=everything, timeout=60, check=True)
        receiver.store.wait_quiet()
        return receiver.store


def names(store: Store) -> set[str]:
    return {point.name for point in store.metrics()}


@pytest.mark.parametrize("life", ["0", "1"])
def test_a_short_life_is_not_observed(life: str) -> None:
    found = names(run(f"{LOGGED}; {COUNTER}; time.sleep({life})"))
    assert "mine" in found
    assert not [name for name in found if name.startswith(("process.", "cpython."))]


@pytest.mark.parametrize("program", [f"time.sleep(3); {COUNTER}", "time.sleep(3.5)"], ids=["with others", "alone"])
def test_a_longer_life_is_observed(program: str) -> None:
    found = names(run(f"{LOGGED}; {program}", OTEL_METRIC_EXPORT_INTERVAL="1000"))
    assert "process.memory.usage" in found


def test_a_forked_child_is_observed_and_not_its_parent() -> None:
    program = f"""
{LOGGED}
import os
time.sleep(2.5)
if os.fork() == 0:
    time.sleep(4)
    raise SystemExit
os.wait()
"""
    store = run(program, OTEL_METRIC_EXPORT_INTERVAL="1000")
    of_processes = {
        point.resource["service.instance.id"] for point in store.metrics() if point.name == "process.memory.usage"
    }
    assert len(of_processes) == 2
