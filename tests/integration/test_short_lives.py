# SPDX-License-Identifier: Apache-2.0
"""A process that ends before its first export: what it has recorded arrives, how it was doing is not worth the time."""

import subprocess
import sys

import pytest

from dbx_otel.local.receiver import Receiver
from dbx_otel.local.store import Store
from tests.support.launched import LAUNCHER, app_environment


def run(program: str) -> Store:
    with Receiver() as receiver:
        environment = {**app_environment(), **receiver.environment("http/protobuf")}
        subprocess.run([LAUNCHER, sys.executable, "-c", program], env=environment, timeout=60, check=True)
        receiver.store.wait_quiet()
        return receiver.store


def test_process_metrics_alone_are_left_out() -> None:
    assert not run("import requests").metrics()


@pytest.mark.parametrize(
    "program",
    [
        "import requests; from opentelemetry import metrics; metrics.get_meter('app').create_counter('mine').add(1)",
        "import requests, os, time; time.sleep(1.5)",
    ],
    ids=["a metric of the app", "a longer life"],
)
def test_they_come_along_with_others_and_with_time(program: str) -> None:
    program = f"import os; os.environ['OTEL_METRIC_EXPORT_INTERVAL'] = '500'; {program}"
    assert "process.memory.usage" in {point.name for point in run(program).metrics()}
