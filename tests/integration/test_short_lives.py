# SPDX-License-Identifier: Apache-2.0
"""A short process pays for what it has recorded, and not for how it was doing."""

import subprocess
import sys

import pytest

from dbx_otel.local.receiver import Receiver
from dbx_otel.local.store import Store
from tests.support.launched import LAUNCHER, app_environment

COUNTER = "from opentelemetry import metrics; metrics.get_meter('app').create_counter('mine').add(1)"


def run(program: str, **environment: str) -> Store:
    with Receiver() as receiver:
        everything = {**app_environment(), **receiver.environment("http/protobuf"), **environment}
        subprocess.run([LAUNCHER, sys.executable, "-c", program], env=everything, timeout=60, check=True)
        receiver.store.wait_quiet()
        return receiver.store


def names(store: Store) -> set[str]:
    return {point.name for point in store.metrics()}


def test_what_it_has_recorded_arrives_alone() -> None:
    assert names(run(f"import requests; {COUNTER}")) == {"mine"}


@pytest.mark.parametrize("life", ["0", "3"])
def test_how_it_was_doing_is_not_worth_an_exporter_at_the_end(life: str) -> None:
    assert not run(f"import requests, time; time.sleep({life})").metrics()


@pytest.mark.parametrize("program", [f"time.sleep(3); {COUNTER}", "time.sleep(3.5)"], ids=["with others", "alone"])
def test_a_longer_life_is_observed(program: str) -> None:
    found = names(run(f"import requests, time; {program}", OTEL_METRIC_EXPORT_INTERVAL="1000"))
    assert "process.memory.usage" in found


def test_a_forked_child_is_observed_and_not_its_parent() -> None:
    program = """
import os, requests, time
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
