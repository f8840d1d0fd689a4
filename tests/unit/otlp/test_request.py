# SPDX-License-Identifier: Apache-2.0
"""How records are grouped, and that other threads get their turn meanwhile."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from dbx_otel.otlp.logs import encode_logs
from dbx_otel.otlp.model import LogRecord, Resource, Scope
from dbx_otel.otlp.request import SLICE, Groups
from tests.unit.otlp.values_for_tests import decoded


def _record(body: Any, resource: Any, scope: Any) -> LogRecord:
    return LogRecord(
        timestamp=1, observed_timestamp=2, body=body, attributes={}, instrumentation_scope=scope, resource=resource
    )


def test_interleaved_records_are_grouped_by_what_their_resource_and_scope_say() -> None:
    resources = [Resource({"service.name": "a"}), Resource({"service.name": "b"}), Resource({"service.name": "a"})]
    scopes = [Scope("x"), Scope("y"), Scope("x", schema_url="https://schemas.example/1"), None]
    logs = [_record(f"{r} {s}", resources[r], scopes[s]) for s in range(4) for r in range(3)]
    request = decoded(ExportLogsServiceRequest, encode_logs(logs))
    bodies = [
        [[record.body.string_value for record in of_scope.log_records] for of_scope in of_resource.scope_logs]
        for of_resource in request.resource_logs
    ]
    of_a = [[f"0 {s}", f"2 {s}"] for s in range(4)]
    of_b = [[f"1 {s}"] for s in range(4)]
    assert bodies == [of_a, of_b]


def test_resources_made_anew_at_each_look_are_not_confused() -> None:
    class Fresh(SimpleNamespace):
        @property
        def resource(self) -> Resource:
            return Resource({"number": self.number})

    log = _record("x", None, None)
    fields = {name: getattr(log, name) for name in LogRecord.__slots__ if name != "resource"}
    logs: list[Any] = [Fresh(**fields, number=number) for number in range(100)]
    request = decoded(ExportLogsServiceRequest, encode_logs(logs))
    assert [each.resource.attributes[0].value.int_value for each in request.resource_logs] == list(range(100))


def test_a_resource_that_cannot_be_read_costs_its_own_records_only() -> None:
    no_mapping: Any = 3
    good, bad = Resource({"a": 1}), Resource(no_mapping)
    refused: list[Exception] = []
    logs = [_record(body, resource, None) for body, resource in (("1", good), ("2", bad), ("3", bad), ("4", good))]
    request = decoded(ExportLogsServiceRequest, encode_logs(logs, refused=refused.append))
    (of_resource,) = request.resource_logs
    assert [record.body.string_value for record in of_resource.scope_logs[0].log_records] == ["1", "4"]
    assert len(refused) == 2


def test_other_threads_get_their_turn_after_some_records() -> None:
    done = 0
    pauses = []

    def records() -> Iterator[LogRecord]:
        nonlocal done
        for number in range(10 * SLICE + 5):
            yield _record(number, resource, None)
            done = number + 1

    resource = Resource({})
    encode_logs(records(), pause=lambda: pauses.append(done))
    assert [after - before for before, after in zip([0, *pauses], pauses, strict=False)][1:] == [SLICE] * 9


def test_groups_without_records_are_left_out() -> None:
    groups = Groups()
    groups.of(Resource({"a": 1}), Scope("x"))
    assert groups.request() == b""
