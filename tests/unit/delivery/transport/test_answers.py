# SPDX-License-Identifier: Apache-2.0
"""What statuses, waits and texts mean, by the OTLP specification."""

import gzip
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # has no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # has no types
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from dbx_otel.delivery.outcome import Kind, Outcome
from dbx_otel.delivery.transport import answers

PROTOBUF = {"content-type": "application/x-protobuf"}
RETRYABLE = {429, 502, 503, 504}


def partial(rejected: int, text: str = "too old") -> bytes:
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = text
    return response.SerializeToString()


def with_delay(seconds: int) -> bytes:
    info, packed = RetryInfo(), Packed()
    info.retry_delay.seconds = seconds
    packed.Pack(info)
    serialized: bytes = Status(code=8, details=[packed]).SerializeToString()
    return serialized


@pytest.mark.parametrize("status", range(100, 600))
def test_kind_by_status(status: int) -> None:
    expected = Kind.ACCEPTED if 200 <= status < 300 else Kind.RETRY if status in RETRYABLE else Kind.REFUSED
    if 300 <= status < 400 or status in {401, 403, 404, 405, 407}:
        expected = Kind.DENIED
    assert answers.of_http(status, {}, b"", 5).kind is expected


def test_a_redirect_is_not_followed_and_named() -> None:
    assert answers.of_http(302, {}, b"", 5) == Outcome(Kind.DENIED, message="HTTP 302: redirects are not followed")


@pytest.mark.parametrize("headers", [PROTOBUF, {}])
def test_partial_success(headers: dict[str, str]) -> None:
    assert answers.of_http(200, headers, partial(3), 5) == Outcome(Kind.ACCEPTED, rejected=3, message="too old")


def test_no_more_is_rejected_than_was_sent() -> None:
    assert answers.of_http(200, PROTOBUF, partial(10**9), 5).rejected == 5
    assert answers.of_http(200, PROTOBUF, partial(-1), 5).rejected == 0


def test_another_kind_of_content_is_no_partial_success() -> None:
    assert answers.of_http(200, {"content-type": "text/html"}, partial(3), 5) == Outcome(Kind.ACCEPTED)


def test_compressed_answers() -> None:
    for encoding, packed in (("gzip", gzip.compress(partial(2))), ("deflate", zlib.compress(partial(2)))):
        headers = {**PROTOBUF, "content-encoding": encoding}
        assert answers.of_http(200, headers, packed, 5).rejected == 2
        assert answers.of_http(200, headers, packed[:-9], 5).kind is Kind.ACCEPTED
    assert answers.of_http(200, {**PROTOBUF, "content-encoding": "br"}, b"xyz", 5) == Outcome(Kind.ACCEPTED)


def test_a_compressed_answer_is_not_unpacked_without_bounds() -> None:
    bomb = gzip.compress(b"x" * 50_000_000)
    headers = {"content-type": "text/plain", "content-encoding": "gzip"}
    assert len(answers.of_http(400, headers, bomb, 5).message) <= answers.LARGEST + 20


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        (PROTOBUF, Status(code=3, message="no such tenant").SerializeToString(), "HTTP 400: no such tenant"),
        ({"content-type": "text/plain; charset=utf-8"}, b"no such tenant", "HTTP 400: no such tenant"),
        ({"content-type": "application/json"}, b'{"message":"no"}', 'HTTP 400: {"message":"no"}'),
        ({"content-type": "text/html"}, b"<html>", "HTTP 400"),
        ({}, b"", "HTTP 400"),
    ],
)
def test_what_the_server_says(headers: dict[str, str], body: bytes, message: str) -> None:
    assert answers.of_http(400, headers, body, 5) == Outcome(Kind.REFUSED, message=message)


def test_retry_after_in_seconds_and_as_a_date() -> None:
    assert answers.of_http(503, {"retry-after": "7"}, b"", 5).retry_after == 7
    assert answers.of_http(429, {"retry-after": " 0 "}, b"", 5).retry_after == 0
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert answers.retry_after(date) == pytest.approx(30, abs=1.5)
    past = format_datetime(datetime.now(UTC) - timedelta(seconds=30), usegmt=True)
    assert answers.retry_after(past) == 0
    assert answers.of_http(503, {}, b"", 5).retry_after is None


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "-inf", "1 2", "Mon", "Mon, 99 Nov 2026 99:99:99 GMT"])
def test_a_wait_that_cannot_be_read_is_none(text: str) -> None:
    assert answers.retry_after(text) is None


def test_a_wait_is_bounded() -> None:
    assert answers.retry_after("1e300") == 3600
    assert answers.retry_after("-5") == 0


@given(st.text())
def test_no_wait_makes_it_fail(text: str) -> None:
    wait = answers.retry_after(text)
    assert wait is None or 0 <= wait <= 3600


@given(
    st.integers(0, 999),
    st.dictionaries(
        st.sampled_from(["content-type", "content-encoding", "retry-after"]),
        st.sampled_from(["", "gzip", "deflate", "application/x-protobuf", "text/plain", "\x00", "9"]),
    ),
    st.binary(),
)
def test_no_answer_makes_it_fail(status: int, headers: dict[str, str], body: bytes) -> None:
    assert 0 <= answers.of_http(status, headers, body, 5).rejected <= 5


CODES = {
    "CANCELLED": True, "UNKNOWN": False, "INVALID_ARGUMENT": False, "DEADLINE_EXCEEDED": True, "NOT_FOUND": False,
    "ALREADY_EXISTS": False, "PERMISSION_DENIED": False, "UNAUTHENTICATED": False, "RESOURCE_EXHAUSTED": False,
    "FAILED_PRECONDITION": False, "ABORTED": True, "OUT_OF_RANGE": True, "UNIMPLEMENTED": False, "INTERNAL": False,
    "UNAVAILABLE": True, "DATA_LOSS": True,
}  # fmt: skip


@pytest.mark.parametrize(("code", "again"), CODES.items())
def test_kind_by_code(code: str, again: bool) -> None:
    is_denial = code in {"NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "UNIMPLEMENTED"}
    kind = Kind.RETRY if again else Kind.DENIED if is_denial else Kind.REFUSED
    assert answers.of_grpc(code, "", {}) == Outcome(kind, message=code)


def test_retry_info_makes_exhaustion_pass() -> None:
    trailers: dict[str, str | bytes] = {"grpc-status-details-bin": with_delay(4)}
    expected = Outcome(Kind.RETRY, 4.0, message="RESOURCE_EXHAUSTED: slow down")
    assert answers.of_grpc("RESOURCE_EXHAUSTED", "slow down", trailers) == expected
    assert answers.of_grpc("UNAVAILABLE", "", trailers).retry_after == 4
    assert answers.of_grpc("INVALID_ARGUMENT", "", trailers).kind is Kind.REFUSED
    alone = RetryInfo()
    alone.retry_delay.seconds = 10**9
    info: dict[str, str | bytes] = {"google.rpc.retryinfo-bin": alone.SerializeToString()}
    assert answers.of_grpc("RESOURCE_EXHAUSTED", "", info).retry_after == 3600
    assert answers.of_grpc("RESOURCE_EXHAUSTED", "", {"grpc-status-details-bin": "text"}).kind is Kind.REFUSED
