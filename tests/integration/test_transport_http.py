# SPDX-License-Identifier: Apache-2.0
"""OTLP over HTTP against real servers, those that answer as they should and those that do not."""

import gzip
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.instrumentation.urllib3 import URLLib3Instrumentor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dbx_otel.delivery.batch import Batch, Signal
from dbx_otel.delivery.outcome import Kind, Outcome
from dbx_otel.delivery.transport import Destination, Endpoint, Transport, make_transport
from tests.support import credential_provider
from tests.support.otlp_server import Answer, HttpServer, http_server, raw_server

REQUEST = b"a request, compressed once for all"
BATCH = Batch("traces", gzip.compress(REQUEST), 5)
ACCEPTED = Outcome(Kind.ACCEPTED)
NOT_HTTP = Outcome(Kind.RETRY, message="the answer is not HTTP")
PROTOBUF = {"Content-Type": "application/x-protobuf"}


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server() as running:
        yield running


def to(url: str, **more: Any) -> Transport:
    return make_transport(Destination("test", {"traces": Endpoint(url, **more)}))


def partial(rejected: int) -> bytes:
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = "too old"
    return response.SerializeToString()


def test_a_batch_arrives_as_it_is(server: HttpServer) -> None:
    assert to(server.url(), headers={"x-api-key": "k"}).send(BATCH, 5) == ACCEPTED
    (request,) = server.requests
    assert request.path == "/v1/traces"
    assert request.body == BATCH.body
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers["user-agent"].startswith("dbx-otel/")
    assert request.headers["x-api-key"] == "k"


def test_without_compression(server: HttpServer) -> None:
    assert to(server.url(), compression="none").send(BATCH, 5) == ACCEPTED
    (request,) = server.requests
    assert request.body == REQUEST
    assert "content-encoding" not in request.headers


def test_headers_may_replace_ours_but_not_what_the_body_is(server: HttpServer) -> None:
    given = {"user-agent": "mine", "content-type": "text/plain", "content-encoding": "br"}
    to(server.url(), headers=given).send(BATCH, 5)
    (request,) = server.requests
    assert request.headers["user-agent"] == "mine"
    assert request.headers["content-type"] == "application/x-protobuf"
    assert request.headers["content-encoding"] == "gzip"
    to(server.url(), headers=given, compression="none").send(BATCH, 5)
    assert "content-encoding" not in server.requests[1].headers


def test_user_and_password_of_the_address_become_a_header(server: HttpServer) -> None:
    url = server.url("ada:p%40ss@127.0.0.1")
    to(url).send(BATCH, 5)
    expected = requests.Request("POST", url).prepare().headers["Authorization"]
    assert server.requests[0].headers["authorization"] == expected
    assert server.requests[0].headers["host"] == f"127.0.0.1:{server.port}"


def test_one_connection_for_all_signals(server: HttpServer) -> None:
    endpoints: dict[Signal, Endpoint] = {"traces": Endpoint(server.url()), "logs": Endpoint(server.url())}
    transport = make_transport(Destination("test", endpoints))
    order: tuple[Signal, ...] = ("traces", "logs", "traces")
    assert [transport.send(Batch(signal, BATCH.body, 1), 5) for signal in order] == [ACCEPTED] * 3
    assert len({request.peer for request in server.requests}) == 1


def test_a_connection_that_was_closed_meanwhile_costs_nothing(server: HttpServer) -> None:
    transport = to(server.url())
    server.answers = [Answer(headers={"Connection": "close"}), Answer()]
    assert [transport.send(BATCH, 5), transport.send(BATCH, 5)] == [ACCEPTED, ACCEPTED]
    assert len({request.peer for request in server.requests}) == 2


def test_a_connection_that_is_closed_under_the_request_is_tried_once_more() -> None:
    served: list[int] = []

    def serve(connection: socket.socket) -> None:
        served.append(1)
        if len(served) == 1:
            read_request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            connection.recv(1)  # the second request: closed without an answer
            return
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with raw_server(serve) as port:
        transport = to(f"http://127.0.0.1:{port}/")
        assert [transport.send(BATCH, 5), transport.send(BATCH, 5)] == [ACCEPTED, ACCEPTED]
    assert len(served) == 2


def test_partial_success(server: HttpServer) -> None:
    server.answers = [Answer(headers=PROTOBUF, body=partial(3))]
    assert to(server.url()).send(BATCH, 5) == Outcome(Kind.ACCEPTED, rejected=3, message="too old")


def test_a_compressed_answer(server: HttpServer) -> None:
    server.answers = [Answer(headers={**PROTOBUF, "Content-Encoding": "gzip"}, body=gzip.compress(partial(2)))]
    assert to(server.url()).send(BATCH, 5).rejected == 2


def test_retry_after_in_both_forms(server: HttpServer) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    server.answers = [Answer(503, {"Retry-After": "7"}), Answer(429, {"Retry-After": date}), Answer(503)]
    transport = to(server.url())
    assert transport.send(BATCH, 5) == Outcome(Kind.RETRY, 7.0, message="HTTP 503")
    outcome = transport.send(BATCH, 5)
    assert outcome.kind is Kind.RETRY
    assert outcome.retry_after == pytest.approx(20, abs=2)
    assert transport.send(BATCH, 5) == Outcome(Kind.RETRY, None, message="HTTP 503")
    assert len({request.peer for request in server.requests}) == 1


def test_a_refusal_says_what_the_server_says_but_no_secret(server: HttpServer) -> None:
    server.answers = [Answer(401, {"Content-Type": "text/plain"}, b"no such key: canary-key\r\nask\x1b[31m Ada")]
    outcome = to(server.url(), headers={"x-api-key": "canary-key"}).send(BATCH, 5)
    assert outcome == Outcome(Kind.DENIED, message="HTTP 401: no such key: … ask [31m Ada")


def test_a_redirect_is_not_followed(server: HttpServer) -> None:
    server.answers = [Answer(307, {"Location": server.url() + "/elsewhere"})]
    outcome = to(server.url(), headers={"x-api-key": "canary"}).send(BATCH, 5)
    assert outcome.kind is Kind.DENIED
    assert len(server.requests) == 1


def test_a_long_answer_is_not_read_to_its_end(server: HttpServer) -> None:
    server.answers = [Answer(400, {"Content-Type": "text/plain"}, b"x" * 10_000_000), Answer()]
    transport = to(server.url())
    outcome = transport.send(BATCH, 5)
    assert outcome.kind is Kind.REFUSED
    assert len(outcome.message) <= 200
    assert transport.send(BATCH, 5) == ACCEPTED


def read_request(connection: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received or not received.endswith(BATCH.body):
        received += connection.recv(65536)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ntorn", ACCEPTED),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ACCEPTED),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", ACCEPTED),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ACCEPTED),
        (b"HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\ntorn", Outcome(Kind.RETRY, message="HTTP 503")),
        (b"", Outcome(Kind.RETRY, message="connection closed without an answer")),
        (b"HTTP/1.1 2", NOT_HTTP),
        (b"SSH-2.0-OpenSSH_9.2\r\n", NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\n" + b"x" * 100_000 + b": y\r\n\r\n", NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000, NOT_HTTP),
    ],
)  # fmt: skip
def test_torn_and_hostile_answers(answer: bytes, expected: Outcome) -> None:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(answer)

    with raw_server(serve) as port:
        assert to(f"http://127.0.0.1:{port}/").send(BATCH, 5) == expected


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300), st.booleans())
def test_no_answer_makes_it_raise(answer: bytes, with_status: bool) -> None:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall((b"HTTP/1.1 200 OK\r\n" if with_status else b"") + answer)

    with raw_server(serve) as port:
        assert isinstance(to(f"http://127.0.0.1:{port}/").send(BATCH, 5), Outcome)


def drip(connection: socket.socket) -> None:
    read_request(connection)
    for byte in b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def drip_the_body(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(1000):
        connection.sendall(b"x")
        time.sleep(0.05)


def say_nothing(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def read_nothing(connection: socket.socket) -> None:
    time.sleep(5)


LARGE = Batch("traces", os.urandom(20_000_000), 5)
NEVER = [(drip, BATCH), (say_nothing, BATCH), (read_nothing, LARGE)]


@pytest.mark.parametrize(("serve", "batch"), NEVER, ids=["drip", "silent", "does not read"])
def test_it_keeps_to_its_time(serve: Any, batch: Batch) -> None:
    with raw_server(serve) as port:
        begun = time.monotonic()
        outcome = to(f"http://127.0.0.1:{port}/").send(batch, 0.4)
        took = time.monotonic() - begun
    assert outcome == Outcome(Kind.RETRY, message="timed out")
    assert 0.35 < took < 3


def test_the_endpoints_own_time_is_the_most() -> None:
    with raw_server(say_nothing) as port:
        begun = time.monotonic()
        assert to(f"http://127.0.0.1:{port}/", timeout=0.3).send(BATCH, 60).message == "timed out"
        assert time.monotonic() - begun < 3


def test_a_status_that_came_in_time_counts() -> None:
    with raw_server(drip_the_body) as port:
        begun = time.monotonic()
        assert to(f"http://127.0.0.1:{port}/").send(BATCH, 0.4) == ACCEPTED
        assert time.monotonic() - begun < 3


@pytest.fixture
def full() -> Iterator[int]:
    """A port that shakes no hands: its backlog is full."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(0)
    waiting = []
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(listening.getsockname())
        waiting.append(client)
    yield listening.getsockname()[1]
    for closing in (listening, *waiting):
        closing.close()


def test_a_host_that_takes_no_connections(full: int) -> None:
    begun = time.monotonic()
    outcome = to(f"http://127.0.0.1:{full}/").send(BATCH, 0.4)
    assert time.monotonic() - begun < 3
    assert outcome == Outcome(Kind.RETRY, message="timed out")


@pytest.mark.parametrize(("serve", "batch"), NEVER, ids=["drip", "silent", "does not read"])
def test_it_can_be_closed_from_another_thread(serve: Any, batch: Batch) -> None:
    with raw_server(serve) as port:
        transport = to(f"http://127.0.0.1:{port}/")
        threading.Timer(0.3, transport.close).start()
        begun = time.monotonic()
        assert transport.send(batch, 10).kind is Kind.RETRY
        assert time.monotonic() - begun < 3


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_second_address_is_tried(
    is_silent: bool, full: int, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    first = ("127.0.0.1", full) if is_silent else ("127.0.0.2", 9)

    def two(host: str, port: int, *more: Any) -> Any:
        return [*real(*first, *more), *real("127.0.0.1", port, *more)] if host == "two" else real(host, port, *more)

    monkeypatch.setattr(socket, "getaddrinfo", two)
    assert to(server.url("two")).send(BATCH, 2) == ACCEPTED


def test_a_forked_child_has_a_connection_of_its_own(server: HttpServer) -> None:
    transport = to(server.url())
    transport.send(BATCH, 5)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if transport.send(BATCH, 5) == ACCEPTED else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert transport.send(BATCH, 5) == ACCEPTED
    of_parent, of_child, of_parent_again = (request.peer for request in server.requests)
    assert of_parent == of_parent_again != of_child


def test_no_spans_are_made_of_sending(server: HttpServer) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    URLLib3Instrumentor().instrument(tracer_provider=provider)
    try:
        assert to(server.url()).send(BATCH, 5) == ACCEPTED
    finally:
        URLLib3Instrumentor().uninstrument()
    assert kept.get_finished_spans() == ()
    assert "traceparent" not in server.requests[0].headers


def test_a_credential_provider_signs_what_is_sent(
    server: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def sign(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["x-signed"] = "yes"
        return request

    session = requests.Session()
    session.auth = sign
    name = credential_provider.offer(tmp_path, monkeypatch, lambda: session)
    transport = to(server.url(), credential_provider=name, headers={"x-api-key": "canary"})
    server.answers = [Answer(headers=PROTOBUF, body=partial(1)), Answer(503, {"Retry-After": "3"})]
    assert transport.send(BATCH, 5) == Outcome(Kind.ACCEPTED, rejected=1, message="too old")
    assert transport.send(BATCH, 5) == Outcome(Kind.RETRY, 3.0, message="HTTP 503")
    server.answers = [Answer(307, {"Location": server.url()})]
    assert transport.send(BATCH, 5).kind is Kind.DENIED
    assert len(server.requests) == 3
    assert all(request.headers["x-signed"] == "yes" for request in server.requests)
    assert server.requests[0].body == BATCH.body
    assert len({request.peer for request in server.requests}) == 1
    transport.close()
    assert "canary" not in caplog.text


def test_a_credential_provider_of_another_kind(
    server: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = credential_provider.offer(tmp_path, monkeypatch, lambda: "a text")
    outcome = to(server.url(), credential_provider=name).send(BATCH, 5)
    assert outcome == Outcome(Kind.RETRY, message=f"credential provider {name!r} gives str where Session is needed")
