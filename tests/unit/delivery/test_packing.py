# SPDX-License-Identifier: Apache-2.0
"""Batches as a collector reads them: what is in them, what they are counted as, and how much they matter."""

import gzip

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics.export import MetricsData

from dbx_otel.delivery import packing
from dbx_otel.delivery.batch import Batch, Priority
from tests.support import records


class Lost:
    def __init__(self) -> None:
        self.found: list[tuple[str, int]] = []

    def __call__(self, signal: str, count: int) -> None:
        self.found.append((signal, count))


def span_names(batch: Batch) -> list[str]:
    request = ExportTraceServiceRequest.FromString(gzip.decompress(batch.body))
    return [span.name for of in request.resource_spans for scope in of.scope_spans for span in scope.spans]


def bodies(batch: Batch) -> list[str]:
    request = ExportLogsServiceRequest.FromString(gzip.decompress(batch.body))
    return [
        record.body.string_value
        for of in request.resource_logs
        for scope in of.scope_logs
        for record in scope.log_records
    ]


def test_spans_with_a_security_event_are_in_a_batch_of_their_own() -> None:
    spans = [records.span("a"), records.important_span("b"), records.span("c")]
    important, ordinary = packing.pack_spans(spans, Lost())
    assert (span_names(important), important.priority, important.count) == (["b"], Priority.IMPORTANT, 1)
    assert (span_names(ordinary), ordinary.priority, ordinary.count) == (["a", "c"], Priority.ORDINARY, 2)
    assert ordinary.raw_size == len(gzip.decompress(ordinary.body))


def test_spans_without_one_are_one_batch() -> None:
    (batch,) = packing.pack_spans([records.span("a"), records.span("b")], Lost())
    assert (batch.signal, batch.count, batch.receipts) == ("traces", 2, ())


def test_what_is_too_large_for_one_request_becomes_several() -> None:
    lost = Lost()
    wanted = [f"{number} {'x' * 900_000}" for number in range(7)]
    batches = list(packing.pack_logs([records.log(body) for body in wanted], lost))
    assert [body for batch in batches for body in bodies(batch)] == wanted
    assert all(batch.raw_size < 4 << 20 for batch in batches)
    assert (sum(batch.count for batch in batches), lost.found) == (7, [])
    payloads = [(packing.encode_one_log(records.security_log(body)), number) for number, body in enumerate(wanted)]
    batches = list(packing.pack_security(payloads))
    assert [body for batch in batches for body in bodies(batch)] == wanted
    assert all(batch.raw_size < 4 << 20 for batch in batches)
    assert [receipt for batch in batches for receipt in batch.receipts] == list(range(7))


def test_one_record_that_is_too_large_by_itself_goes_alone() -> None:
    (huge, small) = packing.pack_logs([records.log("x" * 5_000_000), records.log("small")], Lost())
    assert (huge.count, bodies(small)) == (1, ["small"])


def test_what_cannot_be_encoded_is_counted_and_the_rest_goes_on() -> None:
    lost = Lost()
    broken = records.log("broken")
    broken.body = property  # no value of OTLP, which becomes text
    (batch,) = packing.pack_logs([records.log("whole"), broken, None], lost)
    assert (batch.count, lost.found) == (2, [("logs", 1)])
    assert bodies(batch)[0] == "whole"
    assert list(packing.pack_logs([None, None], lost)) == []
    assert lost.found == [("logs", 1), ("logs", 2)]


def test_security_records_are_joined_and_bear_their_receipts() -> None:
    encoded = [packing.encode_one_log(records.security_log(str(number))) for number in range(3)]
    (batch,) = packing.pack_security([(encoded[0], "first"), (encoded[1], None), (encoded[2], "third")])
    assert bodies(batch) == ["0", "1", "2"]
    assert (batch.count, batch.priority, batch.receipts) == (3, Priority.SECURITY, ("first", "third"))


def test_metrics_are_counted_by_their_points() -> None:
    batch = packing.pack_metrics(records.metrics(3))
    assert batch is not None
    assert (batch.signal, batch.count) == ("metrics", 1)
    request = ExportMetricsServiceRequest.FromString(gzip.decompress(batch.body))
    assert request.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0].as_int == 3


def test_no_points_are_no_batch() -> None:
    assert packing.pack_metrics(MetricsData([])) is None


@pytest.mark.parametrize(
    ("event_name", "expected"),
    [("security.authz.fail", True), ("audit.row", True), ("securityish", False), ("", False), (None, False)],
)
def test_security_records_are_told_by_their_event(event_name: str | None, *, expected: bool) -> None:
    assert packing.is_security_record(records.log("x", event_name)) is expected
