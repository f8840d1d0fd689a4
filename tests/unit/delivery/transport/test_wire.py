# SPDX-License-Identifier: Apache-2.0
"""Answers are read as protobuf reads them, and nothing that a destination sends makes the reader fail."""

import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import DebugInfo, RetryInfo  # type: ignore[import-untyped]  # has no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # has no types
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from dbx_otel.delivery.transport import wire

INT64 = st.integers(-(2**63), 2**63 - 1)


@given(INT64, st.text())
def test_partial_success_of_each_signal(rejected: int, text: str) -> None:
    traces, metrics, logs = ExportTraceServiceResponse(), ExportMetricsServiceResponse(), ExportLogsServiceResponse()
    traces.partial_success.rejected_spans = rejected
    metrics.partial_success.rejected_data_points = rejected
    logs.partial_success.rejected_log_records = rejected
    for response in (traces, metrics, logs):
        response.partial_success.error_message = text
        assert wire.partial_success(response.SerializeToString()) == (max(rejected, 0), text)


def test_full_success_rejects_nothing() -> None:
    assert wire.partial_success(ExportTraceServiceResponse().SerializeToString()) == (0, "")


@given(st.integers(0, 10**9), st.integers(0, 10**9 - 1), st.text())
def test_delay_of_a_status(seconds: int, nanoseconds: int, text: str) -> None:
    info = RetryInfo()
    info.retry_delay.seconds, info.retry_delay.nanos = seconds, nanoseconds
    other, packed = Packed(), Packed()
    other.Pack(DebugInfo(detail="x"))
    packed.Pack(info)
    status = Status(code=8, message=text, details=[other, packed])
    message, delay = wire.status(status.SerializeToString())
    assert message == text
    assert delay == pytest.approx(seconds + nanoseconds / 1e9)
    assert wire.status(Status(code=8, message=text, details=[other]).SerializeToString()) == (text, None)


def test_negative_delays_count_as_none() -> None:
    info = RetryInfo()
    info.retry_delay.seconds = -5
    assert wire.retry_delay(info.SerializeToString()) == 0
    info.retry_delay.seconds, info.retry_delay.nanos = 1, -5
    assert wire.retry_delay(info.SerializeToString()) == 0


@given(st.binary())
def test_anything_can_be_read(body: bytes) -> None:
    rejected, message = wire.partial_success(body)
    assert rejected >= 0
    assert isinstance(message, str)
    message, delay = wire.status(body)
    assert isinstance(message, str)
    assert delay is None or delay >= 0
    assert wire.retry_delay(body) >= 0


@given(st.integers(1, 2**63 - 1), st.text(min_size=1), st.data())
def test_a_torn_answer_says_less_but_nothing_false(rejected: int, text: str, data: st.DataObject) -> None:
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = text
    whole = response.SerializeToString()
    torn = whole[: data.draw(st.integers(0, len(whole) - 1))]
    assert wire.partial_success(torn) == (0, "")


def test_a_size_beyond_the_end_ends_the_reading() -> None:
    huge = b"\x0a" + b"\xff" * 9 + b"\x01"
    assert wire.partial_success(huge + b"x") == (0, "")
    assert wire.partial_success(b"\x0a" + b"\xff" * 30) == (0, "")
