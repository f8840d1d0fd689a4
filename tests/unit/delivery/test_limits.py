# SPDX-License-Identifier: Apache-2.0
"""OpenTelemetry's variables of queues and intervals; what cannot be used is said, and the default is used."""

import pytest

from dbx_otel.delivery import limits
from dbx_otel.delivery.queue import Queue


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")


def shape(queue: Queue) -> tuple[int, int, float]:
    return queue.capacity, queue.batch_size, queue.delay


def test_defaults_are_those_of_the_specification() -> None:
    assert shape(limits.span_queue({})) == (2048, 512, 5.0)
    assert shape(limits.log_queue({})) == (2048, 512, 1.0)
    assert limits.metric_interval({}) == 60.0


def test_what_is_set_is_used() -> None:
    spans = {
        "OTEL_BSP_MAX_QUEUE_SIZE": "100",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": " 50 ",
        "OTEL_BSP_SCHEDULE_DELAY": "250",
    }
    assert shape(limits.span_queue(spans)) == (100, 50, 0.25)
    assert shape(limits.log_queue({"OTEL_BLRP_MAX_QUEUE_SIZE": "100"})) == (100, 100, 1.0)
    assert limits.metric_interval({"OTEL_METRIC_EXPORT_INTERVAL": "1500"}) == 1.5


@pytest.mark.parametrize("text", ["0", "-1", "many", "nan", "inf", "1e99", "0.5"])
def test_what_cannot_be_used_is_said(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert limits.metric_interval({"OTEL_METRIC_EXPORT_INTERVAL": text}) == 60.0
    assert (
        f"OTEL_METRIC_EXPORT_INTERVAL is '{text}'; allowed: a whole number above 0; used instead: 60000"
        in capfd.readouterr().err
    )


def test_a_batch_that_is_larger_than_its_queue_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    assert shape(limits.log_queue({"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": "4096"})) == (2048, 2048, 1.0)
    assert (
        "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE is '4096'; allowed: no more than OTEL_BLRP_MAX_QUEUE_SIZE; "
        "used instead: 2048" in capfd.readouterr().err
    )
