# SPDX-License-Identifier: Apache-2.0
"""The embedded receiver with real senders: OpenTelemetry's exporters, and clients that send rubbish."""

import gzip
import http.client
import json
import logging
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2, status_pb2  # type: ignore[import-untyped]  # the package brings no types
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry._logs import LogRecord as ApiLogRecord
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from dbx_otel.local.receiver import Receiver
from dbx_otel.local.records import Batch
from dbx_otel.local.store import Counts

RESOURCE = Resource({"service.name": "orders", "databricks.workspace.id": "6051921418418893"})
CAP = 100_000
PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(max_body=CAP) as running:
        yield running


def exporters(receiver: Receiver, protocol: str, compression: str = "none") -> tuple[Any, Any, Any]:
    if protocol == "grpc":
        coding = grpc.Compression.Gzip if compression == "gzip" else grpc.Compression.NoCompression
        options: dict[str, Any] = {
            "endpoint": receiver.grpc_endpoint,
            "insecure": True,
            "compression": coding,
        }
        return GrpcSpans(**options), GrpcLogs(**options), GrpcMetrics(**options)
    base = receiver.http_endpoint
    squeeze = Compression(compression)
    return (
        HttpSpans(f"{base}/v1/traces", compression=squeeze),
        HttpLogs(f"{base}/v1/logs", compression=squeeze),
        HttpMetrics(f"{base}/v1/metrics", compression=squeeze),
    )


@pytest.mark.parametrize(
    ("protocol", "compression"),
    [("http", "none"), ("http", "gzip"), ("http", "deflate"), ("grpc", "none"), ("grpc", "gzip")],
)
def test_the_sdk_s_own_exporters_are_understood(protocol: str, compression: str) -> None:
    with Receiver() as receiver:
        spans_out, logs_out, metrics_out = exporters(receiver, protocol, compression)
        tracing = TracerProvider(resource=RESOURCE)
        tracing.add_span_processor(BatchSpanProcessor(spans_out))
        logs = LoggerProvider(resource=RESOURCE)
        logs.add_log_record_processor(BatchLogRecordProcessor(logs_out))
        metrics = MeterProvider([PeriodicExportingMetricReader(metrics_out)], resource=RESOURCE)

        tracer = tracing.get_tracer("shop", "1.2")
        with tracer.start_as_current_span("GET /orders", kind=trace.SpanKind.SERVER) as parent:
            parent.set_attribute("user.email", "ada@example.com")
            parent.set_attribute("databricks.data.read", ["main.sales.orders"])
            with tracer.start_as_current_span("price"):
                pass
            logs.get_logger("shop").emit(
                ApiLogRecord(
                    timestamp=123,
                    severity_number=SeverityNumber.WARN,
                    severity_text="WARNING",
                    body={"nested": [1, 2.5, True, None, b"\xff"]},
                    attributes={"order": 7},
                    event_name="security.authz.fail",
                )
            )
            parent.set_status(trace.StatusCode.ERROR, "no")
        metrics.get_meter("shop").create_histogram("http.server.request.duration", "s").record(0.2)
        for provider in (tracing, logs, metrics):
            provider.shutdown()

        assert receiver.store.counts == Counts(spans=2, logs=1, metrics=1)
        child, root = receiver.store.spans()
        assert (root.name, root.kind, root.status, root.status_message) == (
            "GET /orders",
            "server",
            "error",
            "no",
        )
        assert root.parent_span_id is None
        assert (child.trace_id, child.parent_span_id) == (root.trace_id, root.span_id)
        assert root.attributes == {
            "user.email": "ada@example.com",
            "databricks.data.read": ["main.sales.orders"],
        }
        assert root.duration_ns > child.duration_ns > 0
        assert root.resource == dict(RESOURCE.attributes)
        assert (root.scope.name, root.scope.version) == ("shop", "1.2")
        (log,) = receiver.store.logs()
        assert (log.trace_id, log.span_id) == (root.trace_id, root.span_id)
        assert (log.time_ns, log.severity_number, log.severity_text) == (123, 13, "WARNING")
        assert log.body == {"nested": [1, 2.5, True, None, b"\xff"]}
        assert (log.attributes, log.event_name) == ({"order": 7}, "security.authz.fail")
        (point,) = receiver.store.metrics()
        assert (point.name, point.type, point.unit) == ("http.server.request.duration", "histogram", "s")
        assert (point.count, point.sum, point.temporality) == (1, 0.2, "cumulative")
        assert sum(point.bucket_counts) == 1
        assert len(point.bounds) == len(point.bucket_counts) - 1


def test_every_kind_of_metric_keeps_its_numbers() -> None:
    with Receiver(grpc_port=None) as receiver:
        reader = PeriodicExportingMetricReader(HttpMetrics(f"{receiver.http_endpoint}/v1/metrics"))
        view = View(instrument_name="wide", aggregation=ExponentialBucketHistogramAggregation())
        provider = MeterProvider([reader], resource=RESOURCE, views=[view])
        meter = provider.get_meter("shop")
        meter.create_counter("requests").add(3, {"http.route": "/orders"})
        meter.create_up_down_counter("open").add(-2)
        meter.create_gauge("load").set(0.5)
        wide = meter.create_histogram("wide")
        for value in (0, 1, 1000):
            wide.record(value)
        provider.shutdown()
        points = {point.name: point for point in receiver.store.metrics()}
    assert (points["requests"].value, points["requests"].monotonic) == (3, True)
    assert points["requests"].attributes == {"http.route": "/orders"}
    assert (points["open"].value, points["open"].monotonic) == (-2, False)
    assert (points["load"].value, points["load"].type, points["load"].temporality) == (0.5, "gauge", None)
    assert (points["wide"].count, points["wide"].detail["zero_count"]) == (3, 1)
    assert (points["wide"].min, points["wide"].max) == (0, 1000)
    assert sum(points["wide"].detail["positive"]["bucket_counts"]) == 2


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_the_count_is_exact_under_load(protocol: str) -> None:
    senders, each = 4, 2500
    with Receiver() as receiver:

        def send(number: int) -> None:
            provider = TracerProvider(resource=RESOURCE)
            exporter, _, _ = exporters(receiver, protocol, "gzip")
            provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=each))
            tracer = provider.get_tracer("load")
            for index in range(each):
                tracer.start_span(f"{number}-{index}").end()
            provider.shutdown()

        with ThreadPoolExecutor(senders) as pool:
            list(pool.map(send, range(senders)))
        assert receiver.store.counts.spans == senders * each
        assert len({span.name for span in receiver.store.spans()}) == senders * each


# -- OTLP/HTTP by hand


def post(
    receiver: Receiver, path: str, body: Any, headers: dict[str, str], method: str = "POST"
) -> tuple[int, dict[str, str], bytes]:
    host = receiver.http_endpoint.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def one_span(**changes: Any) -> dict[str, Any]:
    span = {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174", "name": "I'm a span"}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span | changes]}]}]}


def request_of(spans: list[tuple[bytes, bytes]]) -> bytes:
    request = trace_service_pb2.ExportTraceServiceRequest()
    group = request.resource_spans.add().scope_spans.add()
    for trace_id, span_id in spans:
        group.spans.add(trace_id=trace_id, span_id=span_id, name="hand-made")
    return request.SerializeToString()


GOOD = request_of([(b"\x01" * 16, b"\x02" * 8)])


def test_json_as_the_specification_writes_it(receiver: Receiver) -> None:
    document = one_span(
        parentSpanId="EEE19B7EC3C1B173",
        kind=2,
        startTimeUnixNano="1544712660000000000",
        endTimeUnixNano=1544712661000000000,
        attributes=[
            {"key": "traceId", "value": {"stringValue": "an attribute, not an id"}},
            {"key": "n", "value": {"intValue": "9007199254740993"}},
            {"key": "list", "value": {"arrayValue": {"values": [{"doubleValue": 1.5}, {}]}}},
        ],
        someFieldOfTomorrow={"a": 1},
    )
    status, headers, body = post(receiver, "/v1/traces", json.dumps(document), JSON)
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", {})
    (span,) = receiver.store.spans()
    assert span.trace_id == "5b8efff798038103d269b633813fc60c"
    assert (span.parent_span_id, span.kind) == ("eee19b7ec3c1b173", "server")
    assert span.duration_ns == 10**9
    assert span.attributes == {
        "traceId": "an attribute, not an id",
        "n": 9007199254740993,
        "list": [1.5, None],
    }


def test_a_good_request_is_answered_in_protobuf(receiver: Receiver) -> None:
    status, headers, body = post(receiver, "/v1/traces", GOOD, PROTOBUF)
    assert (status, headers["content-type"], body) == (200, "application/x-protobuf", b"")
    assert receiver.store.counts.spans == 1


def test_a_body_in_chunks(receiver: Receiver) -> None:
    status, _, _ = post(receiver, "/v1/traces", iter([GOOD[:10], GOOD[10:]]), PROTOBUF)
    assert (status, receiver.store.counts.spans) == (200, 1)


@pytest.mark.parametrize(
    ("coding", "squeeze"),
    [
        ("gzip", gzip.compress),
        ("GZIP", lambda body: gzip.compress(body[:20], mtime=0) + gzip.compress(body[20:])),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("identity", bytes),
    ],
)
def test_content_codings(receiver: Receiver, coding: str, squeeze: Callable[[bytes], bytes]) -> None:
    status, _, _ = post(receiver, "/v1/traces", squeeze(GOOD), PROTOBUF | {"Content-Encoding": coding})
    assert (status, receiver.store.counts.spans) == (200, 1)


def test_one_connection_serves_many_requests_also_after_a_bad_one(receiver: Receiver) -> None:
    connection = http.client.HTTPConnection(receiver.http_endpoint.removeprefix("http://"), timeout=10)
    seen = []
    for path, body in [
        ("/v1/traces", GOOD),
        ("/v1/traces", b"\xff"),
        ("/nowhere", b"x"),
        ("/v1/traces", GOOD),
    ]:
        connection.request("POST", path, body, PROTOBUF)
        response = connection.getresponse()
        response.read()
        seen.append(response.status)
    connection.close()
    assert seen == [200, 400, 404, 200]
    assert receiver.store.counts.spans == 2


BAD_REQUESTS = [
    # path, body, headers, status, what the message has to name
    ("/v1/traces", b"\xff\xff", PROTOBUF, 400, ["'ff ff'", "ExportTraceServiceRequest", "check"]),
    ("/v1/logs", GOOD[:-3], PROTOBUF, 400, ["ExportLogsServiceRequest"]),
    ("/v1/traces", b"{", JSON, 400, ["not JSON", "ExportTraceServiceRequest"]),
    ("/v1/traces", b"", JSON, 400, ["not JSON"]),
    ("/v1/traces", b"\xff\xfe\x00", JSON, 400, ["not JSON"]),
    ("/v1/traces", b"[1]", JSON, 400, ["JSON list"]),
    ("/v1/traces", b'{"resourceSpans": NaN}', JSON, 400, ["NaN"]),
    ("/v1/traces", b'{"resourceSpans": 7}', JSON, 400, ["resourceSpans"]),
    ("/v1/traces", b"[" * 50_000, JSON, 400, ["not JSON"]),
    (
        "/v1/traces",
        json.dumps(one_span(traceId="W47/94gDgQPSabYzgT/GDA==")).encode(),
        JSON,
        400,
        ["traceId is 'W47/94gDgQPSabYzgT/GDA=='", "hex"],
    ),
    ("/v1/traces", json.dumps(one_span(traceId=7)).encode(), JSON, 400, ["traceId is 7", "hex"]),
    ("/v1/traces", json.dumps(one_span(startTimeUnixNano="-1")).encode(), JSON, 400, ["startTimeUnixNano"]),
    ("/v1/spans", GOOD, PROTOBUF, 404, ["'/v1/spans'", "/v1/traces"]),
    ("/", b"", JSON, 404, ["/v1/metrics"]),
    ("/v1/traces", GOOD, {"Content-Type": "text/plain"}, 415, ["'text/plain'", "application/x-protobuf"]),
    ("/v1/traces", GOOD, {}, 415, ["'absent'", "application/json"]),
    ("/v1/traces", GOOD, PROTOBUF | {"Content-Encoding": "zstd"}, 415, ["'zstd'", "gzip"]),
    ("/v1/traces", GOOD, PROTOBUF | {"Content-Encoding": "gzip"}, 400, ["not gzip"]),
    ("/v1/traces", gzip.compress(GOOD, mtime=0)[:-9], PROTOBUF | {"Content-Encoding": "gzip"}, 400, ["cut off"]),
    (
        "/v1/traces",
        gzip.compress(GOOD, mtime=0) + b"x",
        PROTOBUF | {"Content-Encoding": "gzip"},
        400,
        ["1 bytes follow"],
    ),
    (
        "/v1/traces",
        zlib.compress(GOOD) + b"x",
        PROTOBUF | {"Content-Encoding": "deflate"},
        400,
        ["1 bytes follow"],
    ),
    ("/v1/traces", bytes(CAP + 1), PROTOBUF, 413, [str(CAP), "smaller batches"]),
    ("/v1/traces", bytes(16 * CAP), PROTOBUF, 413, [str(CAP), "smaller batches"]),
    (
        "/v1/traces",
        gzip.compress(bytes(100 * CAP), mtime=0),
        PROTOBUF | {"Content-Encoding": "gzip"},
        413,
        [str(CAP), "decompressed"],
    ),
    ("/v1/traces", GOOD, PROTOBUF | {"Content-Length": "-5"}, 400, ["'-5'"]),
    ("/v1/traces", GOOD, PROTOBUF | {"Content-Length": "9" * 5000}, 413, [str(CAP)]),
    ("/v1/traces", GOOD, PROTOBUF | {"Transfer-Encoding": "gzip"}, 400, ["'gzip'", "chunked"]),
]


@pytest.mark.parametrize(("path", "body", "headers", "status", "words"), BAD_REQUESTS)
def test_what_cannot_be_taken_is_answered_with_the_reason(
    receiver: Receiver, path: str, body: bytes, headers: dict[str, str], status: int, words: list[str]
) -> None:
    got, answer_headers, answer = post(receiver, path, body, headers)
    assert got == status
    if answer_headers["content-type"] == "application/x-protobuf":
        told = status_pb2.Status.FromString(answer)
        message, code = told.message, told.code
    else:
        assert answer_headers["content-type"] == "application/json"
        message, code = json.loads(answer)["message"], json.loads(answer)["code"]
    for word in words:
        assert word in message
    assert "\n" not in message
    assert len(message) < 500
    assert code == (code_pb2.NOT_FOUND if status == 404 else code_pb2.INVALID_ARGUMENT)
    assert receiver.store.counts == Counts(0, 0, 0)
    assert post(receiver, "/v1/traces", GOOD, PROTOBUF)[0] == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
def test_other_methods_are_told_to_post(receiver: Receiver, method: str) -> None:
    status, headers, _ = post(receiver, "/v1/traces", None, {}, method)
    assert (status, headers["allow"]) == (405, "POST")
    assert post(receiver, "/favicon.ico", None, {}, method)[0] == 404


def test_a_span_with_an_impossible_id_does_not_take_the_others_down(receiver: Receiver) -> None:
    good, bad = (b"\x01" * 16, b"\x02" * 8), (b"\x01" * 3, b"\x02" * 8)
    status, _, body = post(receiver, "/v1/traces", request_of([good, bad, (bytes(16), b"\x01" * 8), good]), PROTOBUF)
    assert (status, receiver.store.counts.spans) == (200, 2)
    partial = trace_service_pb2.ExportTraceServiceResponse.FromString(body).partial_success
    assert partial.rejected_spans == 2
    assert "trace_id is '010101' (3 bytes); it has to be 16 bytes" in partial.error_message


def test_a_log_record_with_an_impossible_id_is_taken_without_it(receiver: Receiver) -> None:
    record = {"traceId": "abcd", "spanId": "", "body": {"stringValue": "kept"}}
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    status, _, body = post(receiver, "/v1/logs", json.dumps(document), JSON)
    assert status == 200
    partial = json.loads(body)["partialSuccess"]
    assert "rejectedLogRecords" not in partial
    assert "trace_id is 'abcd' (2 bytes)" in partial["errorMessage"]
    assert [(log.body, log.trace_id, log.span_id) for log in receiver.store.logs()] == [("kept", None, None)]


def raw(receiver: Receiver, request: bytes) -> bytes:
    host, port = receiver.http_endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


HEAD = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("request_bytes", "status", "word"),
    [
        (HEAD + b"Content-Length: 50\r\n\r\n{}", b"400", b"ended after 2 of 50 bytes"),
        (HEAD + b"\r\n", b"411", b"Content-Length"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"400", b"chunk size is"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n", b"400", b"chunk size is"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}", b"400", b"cut off"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n{}", b"413", b"smaller batches"),
        (
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + b"a: b\r\n" * 2000,
            b"413",
            b"trailer",
        ),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;ext=1\r\n{}\r\n0\r\nTrailer: x\r\n\r\n", b"200", b"{}"),
        (b"much too many words HTTP/1.1\r\n\r\n", b"400", b"too many words"),
        (b"BREW /v1/traces HTTP/1.1\r\n\r\n", b"501", b"BREW"),
    ],
)
def test_broken_framing(receiver: Receiver, request_bytes: bytes, status: bytes, word: bytes) -> None:
    answer = raw(receiver, request_bytes)
    assert status in answer.split(b"\r\n")[0]
    assert word in answer
    assert b"Traceback" not in answer


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/v1/traces", "/v1/logs", "/v1/metrics"]),
    headers=st.sampled_from([PROTOBUF, JSON]),
    coding=st.sampled_from(["", "gzip", "deflate"]),
    body=st.binary(max_size=300),
)
def test_any_bytes_get_an_answer(
    receiver: Receiver, path: str, headers: dict[str, str], coding: str, body: bytes
) -> None:
    status, _, _ = post(receiver, path, body, headers | ({"Content-Encoding": coding} if coding else {}))
    assert status in {200, 400}


OTLP_FIELDS = [
    "resourceSpans",
    "resourceLogs",
    "resourceMetrics",
    "scopeSpans",
    "scopeLogs",
    "scopeMetrics",
    "resource",
    "spans",
    "logRecords",
    "metrics",
    "sum",
    "traceId",
    "kind",
    "attributes",
    "key",
    "value",
    "stringValue",
    "intValue",
    "bytesValue",
    "arrayValue",
    "values",
    "startTimeUnixNano",
    "body",
    "severityNumber",
    "dataPoints",
    "asInt",
]
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(OTLP_FIELDS), inner, max_size=4),
    max_leaves=15,
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(["/v1/traces", "/v1/logs", "/v1/metrics"]), document=JSON_VALUES)
def test_any_json_gets_an_answer(receiver: Receiver, path: str, document: Any) -> None:
    status, _, answer = post(receiver, path, json.dumps(document), JSON)
    assert status in {200, 400}
    assert isinstance(json.loads(answer), dict)


# -- OTLP/gRPC by hand


def call(receiver: Receiver, body: bytes, service: str = "trace.v1.TraceService") -> bytes:
    with grpc.insecure_channel(receiver.grpc_endpoint.removeprefix("http://")) as channel:
        method: Any = channel.unary_unary(f"/opentelemetry.proto.collector.{service}/Export")
        answer: bytes = method(body, timeout=10)
        return answer


@pytest.mark.parametrize(
    ("body", "code", "word"),
    [
        (b"\xff\xff", grpc.StatusCode.INVALID_ARGUMENT, "ExportTraceServiceRequest"),
        (bytes(CAP + 1), grpc.StatusCode.RESOURCE_EXHAUSTED, str(CAP)),
    ],
)
def test_grpc_tells_the_reason(receiver: Receiver, body: bytes, code: grpc.StatusCode, word: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(receiver, body)
    assert caught.value.code() is code
    assert word in (caught.value.details() or "")
    assert call(receiver, GOOD) == b""
    assert receiver.store.counts.spans == 1


def test_grpc_caps_what_a_small_message_grows_to(receiver: Receiver) -> None:
    with grpc.insecure_channel(
        receiver.grpc_endpoint.removeprefix("http://"), compression=grpc.Compression.Gzip
    ) as channel:
        method: Any = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as caught:
            method(bytes(50 * CAP), timeout=10)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_grpc_does_not_know_other_services(receiver: Receiver) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(receiver, GOOD, "profiles.v1.ProfilesService")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


# -- the receiver itself


def test_when_the_records_cannot_be_kept_the_sender_tries_again() -> None:
    broken = threading.Event()
    broken.set()

    def keep(batch: Batch) -> None:
        assert batch.spans
        if broken.is_set():
            raise OSError("disk full")

    with Receiver(on_batch=keep) as receiver:
        status, headers, body = post(receiver, "/v1/traces", GOOD, PROTOBUF)
        assert (status, headers["retry-after"]) == (503, "1")
        assert "OSError: disk full" in status_pb2.Status.FromString(body).message
        with pytest.raises(grpc.RpcError) as caught:
            call(receiver, GOOD)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert receiver.store.counts.spans == 0
        broken.clear()
        assert post(receiver, "/v1/traces", GOOD, PROTOBUF)[0] == 200
        call(receiver, GOOD)
        assert receiver.store.counts.spans == 2


def test_a_taken_port_is_named(receiver: Receiver) -> None:
    http_port = int(receiver.http_endpoint.rsplit(":", 1)[1])
    grpc_port = int(receiver.grpc_endpoint.rsplit(":", 1)[1])
    with pytest.raises(OSError, match=f"127.0.0.1:{http_port} for OTLP/HTTP"), Receiver(http_port=http_port):
        pass
    with pytest.raises(OSError, match=f"127.0.0.1:{grpc_port} for OTLP/gRPC"), Receiver(grpc_port=grpc_port):
        pass


def test_it_listens_on_the_loopback_address_only_and_frees_its_ports(receiver: Receiver) -> None:
    with Receiver() as other:
        endpoints = (other.http_endpoint, other.grpc_endpoint)
        connection = http.client.HTTPConnection(other.http_endpoint.removeprefix("http://"))
        connection.request("POST", "/v1/traces", GOOD, PROTOBUF)
        assert connection.getresponse().read() == b""
    for endpoint in endpoints:
        assert endpoint.startswith("http://127.0.0.1:")
        assert not endpoint.endswith(":0")
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", int(endpoint.rsplit(":", 1)[1])), timeout=5)
    connection.close()
    assert receiver.store.counts == Counts(0, 0, 0)


def test_a_receiver_without_one_of_the_protocols_says_so() -> None:
    with Receiver(grpc_port=None) as receiver, pytest.raises(RuntimeError, match="without OTLP/gRPC"):
        _ = receiver.grpc_endpoint
    with Receiver(http_port=None) as receiver, pytest.raises(RuntimeError, match="without OTLP/HTTP"):
        _ = receiver.http_endpoint


def test_the_environment_points_an_sdk_at_it(receiver: Receiver) -> None:
    assert receiver.environment("grpc") == {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.grpc_endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }
    assert receiver.environment()["OTEL_EXPORTER_OTLP_ENDPOINT"] == receiver.http_endpoint


def test_clients_that_go_away_leave_no_trace(receiver: Receiver, capfd: pytest.CaptureFixture[str]) -> None:
    host, port = receiver.http_endpoint.removeprefix("http://").split(":")
    for _ in range(20):
        connection = socket.create_connection((host, int(port)))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        connection.sendall(HEAD + b"Content-Length: 500\r\n\r\n{")
        connection.close()
    assert post(receiver, "/v1/traces", GOOD, PROTOBUF)[0] == 200
    logging.getLogger(__name__).debug("the clients are gone")
    assert capfd.readouterr().err == ""
