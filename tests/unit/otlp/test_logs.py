# SPDX-License-Identifier: Apache-2.0
"""The official encoder is the reference for log records."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord as ApiLogRecord
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs as encode_officially
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs._internal import LogRecordLimits, ReadWriteLogRecord
from opentelemetry.trace import TraceFlags

from dbx_otel.otlp.logs import encode_logs, from_sdk_log
from dbx_otel.otlp.model import LogRecord, Resource, Scope
from tests.unit.otlp.values_for_tests import (
    ATTRIBUTES,
    RESOURCES,
    SCOPES,
    SPAN_IDS,
    TEXT,
    TIMES,
    TRACE_IDS,
    VALUES,
    decoded,
    groups,
    records,
)


@st.composite
def _sdk_logs(draw: st.DrawFn) -> ReadableLogRecord:
    record = ApiLogRecord(
        timestamp=draw(st.one_of(st.none(), TIMES)),
        observed_timestamp=draw(TIMES),
        severity_number=draw(st.one_of(st.none(), st.sampled_from(SeverityNumber))),
        severity_text=draw(st.one_of(st.none(), TEXT)),
        body=draw(VALUES),
        attributes=draw(ATTRIBUTES),
        event_name=draw(st.one_of(st.none(), TEXT)),
    )
    record.trace_id = draw(st.one_of(st.just(0), TRACE_IDS))
    record.span_id = draw(st.one_of(st.just(0), SPAN_IDS))
    record.trace_flags = TraceFlags(draw(st.integers(0, 255)))
    limits = LogRecordLimits(max_log_record_attributes=LogRecordLimits.UNSET)
    resource, scope = draw(RESOURCES), draw(SCOPES)
    attributes: Any = ReadWriteLogRecord(record, resource, scope, limits).log_record.attributes
    attributes.dropped = draw(st.integers(0, 9))
    return ReadableLogRecord(record, resource, scope)


@given(st.lists(_sdk_logs(), max_size=6))
def test_log_records_are_as_the_official_encoder_writes_them(logs: list[ReadableLogRecord]) -> None:
    ours = decoded(ExportLogsServiceRequest, encode_logs(map(from_sdk_log, logs)))
    theirs = encode_officially(logs)
    assert records(ours, "logs", "log_records") == records(theirs, "logs", "log_records")
    assert groups(ours, "logs") == groups(theirs, "logs")


def _record(**fields: Any) -> LogRecord:
    defaults: dict[str, Any] = {
        "timestamp": 1,
        "observed_timestamp": 2,
        "body": "hello",
        "attributes": {},
        "instrumentation_scope": Scope("library"),
        "resource": Resource({"service.name": "shop"}, "https://schemas.example/1"),
    }
    return LogRecord(**defaults | fields)


def _one(record: LogRecord) -> Any:
    request = decoded(ExportLogsServiceRequest, encode_logs([record]))
    return request.resource_logs[0].scope_logs[0].log_records[0]


def test_a_light_record_arrives_with_its_resource_and_scope() -> None:
    request = decoded(ExportLogsServiceRequest, encode_logs([_record(event_name="security.authn.login_fail")]))
    of_resource = request.resource_logs[0]
    assert of_resource.schema_url == "https://schemas.example/1"
    assert of_resource.resource.attributes[0].value.string_value == "shop"
    assert of_resource.scope_logs[0].scope.name == "library"
    assert of_resource.scope_logs[0].log_records[0].event_name == "security.authn.login_fail"


@pytest.mark.parametrize("number", [-1, 25, 1 << 40])
def test_a_severity_that_is_none_is_left_out(number: int) -> None:
    assert _one(_record(severity_number=number)).severity_number == 0


@given(trace=st.integers(-(1 << 130), 1 << 130), span=st.integers(-(1 << 66), 1 << 66))
def test_ids_that_are_none_are_left_out(trace: int, span: int) -> None:
    record = _one(_record(trace_id=trace, span_id=span))
    assert record.trace_id == (trace.to_bytes(16, "big") if 0 < trace < 1 << 128 else b"")
    assert record.span_id == (span.to_bytes(8, "big") if 0 < span < 1 << 64 else b"")


def test_a_record_that_is_none_is_left_out_alone() -> None:
    refused: list[Exception] = []
    bad: Any = [object(), _record(resource=None), _record(attributes=3)]
    request = decoded(ExportLogsServiceRequest, encode_logs([_record(), *bad, _record()], refused=refused.append))
    assert len(records(request, "logs", "log_records")) == 2
    assert len(refused) == 3
