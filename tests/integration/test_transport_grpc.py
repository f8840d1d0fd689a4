# SPDX-License-Identifier: Apache-2.0
"""OTLP over gRPC against real servers of grpcio."""

import gzip
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # has no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # has no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from dbx_otel.delivery.batch import Batch, Signal
from dbx_otel.delivery.outcome import Kind, Outcome
from dbx_otel.delivery.transport import Destination, Endpoint, Transport, make_transport
from dbx_otel.settings import Protocol
from tests.support import credential_provider
from tests.support.certificates import Authority
from tests.support.otlp_server import raw_server

SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")
REQUEST = b"a request" * 100
ACCEPTED = Outcome(Kind.ACCEPTED)


class Services(grpc.GenericRpcHandler):
    """Takes every call; `respond` answers it.

    Attributes:
        calls: Method, metadata, peer and body of each.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str], str, bytes]] = []
        self.respond: Callable[[Any], bytes] = lambda _: b""

    def service(self, details: Any) -> Any:
        def handle(body: bytes, context: Any) -> bytes:
            metadata = {str(key): str(value) for key, value in details.invocation_metadata}
            self.calls.append((details.method, metadata, context.peer(), body))
            return self.respond(context)

        return grpc.unary_unary_rpc_method_handler(handle)


class Running:
    """A server on 127.0.0.1."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None, port: int = 0) -> None:
        self.services = Services()
        self._server = grpc.server(ThreadPoolExecutor(4), [self.services], options=[("grpc.so_reuseport", 0)])
        address = f"127.0.0.1:{port}"
        if credentials is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, credentials)
        self._server.start()

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._server.stop(0).wait()


@pytest.fixture
def server() -> Iterator[Running]:
    running = Running()
    yield running
    running.stop()


def to(target: str, **more: Any) -> Transport:
    given: dict[str, Any] = {"insecure": True, **more}
    return make_transport(Destination("test", {signal: Endpoint(target, Protocol.GRPC, **given) for signal in SIGNALS}))


def batch(signal: Signal = "traces", body: bytes = REQUEST) -> Batch:
    return Batch(signal, gzip.compress(body), 5)


def test_each_signal_has_its_service_and_all_one_connection(server: Running) -> None:
    transport = to(server.target, headers={"x-api-key": "k"})
    assert [transport.send(batch(signal), 5) for signal in SIGNALS] == [ACCEPTED] * 3
    transport.close()
    calls = server.services.calls
    assert [call[0] for call in calls] == [
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    ]
    assert {call[3] for call in calls} == {REQUEST}
    assert all(call[1]["x-api-key"] == "k" for call in calls)
    assert all(call[1]["user-agent"].startswith("dbx-otel/") for call in calls)
    assert len({call[2] for call in calls}) == 1


@pytest.mark.parametrize(("compression", "most"), [("gzip", 10_000), ("none", 10**9)])
def test_what_is_sent_is_compressed(compression: str, most: int, server: Running) -> None:
    counted: list[int] = []

    def relay(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as other:
            threading.Thread(target=pump, args=(other, connection, []), daemon=True).start()
            pump(connection, other, counted)

    with raw_server(relay) as port:
        transport = to(f"127.0.0.1:{port}", compression=compression)
        assert transport.send(batch(body=b"x" * 1_000_000), 5) == ACCEPTED
        transport.close()
    assert sum(counted) < most
    assert (sum(counted) > 1_000_000) is (compression == "none")


def pump(source: socket.socket, sink: socket.socket, counted: list[int]) -> None:
    try:
        while got := source.recv(65536):
            counted.append(len(got))
            sink.sendall(got)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side went first


def test_partial_success(server: Running) -> None:
    response = ExportLogsServiceResponse()
    response.partial_success.rejected_log_records = 2
    response.partial_success.error_message = "too old"
    server.services.respond = lambda _: response.SerializeToString()
    transport = to(server.target)
    assert transport.send(batch("logs"), 5) == Outcome(Kind.ACCEPTED, rejected=2, message="too old")
    server.services.respond = lambda _: b"\xff no protobuf"
    assert transport.send(batch("logs"), 5) == ACCEPTED
    transport.close()


def abort(code: grpc.StatusCode, details: str, trailers: Any = ()) -> Callable[[Any], bytes]:
    def respond(context: Any) -> bytes:
        context.set_trailing_metadata(trailers)
        context.abort(code, details)
        raise AssertionError("not reached")

    return respond


def test_exhaustion_passes_only_where_it_says_when(server: Running) -> None:
    info, packed = RetryInfo(), Packed()
    info.retry_delay.seconds = 4
    packed.Pack(info)
    status = Status(code=8, message="slow down", details=[packed]).SerializeToString()
    transport = to(server.target)
    exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
    server.services.respond = abort(exhausted, "slow down", [("grpc-status-details-bin", status)])
    assert transport.send(batch(), 5) == Outcome(Kind.RETRY, 4.0, message="RESOURCE_EXHAUSTED: slow down")
    server.services.respond = abort(exhausted, "slow down")
    assert transport.send(batch(), 5) == Outcome(Kind.REFUSED, message="RESOURCE_EXHAUSTED: slow down")
    transport.close()


def test_a_refusal_shows_no_secret(server: Running) -> None:
    server.services.respond = abort(grpc.StatusCode.UNAUTHENTICATED, "not known: Bearer canary-token")
    transport = to(server.target, headers={"authorization": "Bearer canary-token"})
    assert transport.send(batch(), 5) == Outcome(Kind.DENIED, message="UNAUTHENTICATED: not known: …")
    transport.close()


def test_it_keeps_to_its_time_and_can_be_closed(server: Running) -> None:
    waiting = threading.Event()

    def respond(_: Any) -> bytes:
        waiting.wait(5)
        return b""

    server.services.respond = respond
    transport = to(server.target)
    begun = time.monotonic()
    outcome = transport.send(batch(), 0.4)
    assert time.monotonic() - begun < 3
    assert (outcome.kind, outcome.message[:17]) == (Kind.RETRY, "DEADLINE_EXCEEDED")
    threading.Timer(0.3, transport.close).start()
    begun = time.monotonic()
    assert transport.send(batch(), 10).kind is Kind.RETRY
    assert time.monotonic() - begun < 3
    assert transport.send(batch(), 10) == Outcome(Kind.RETRY, message="closed")
    waiting.set()


def test_a_server_that_says_nothing() -> None:
    def say_nothing(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with raw_server(say_nothing) as port:
        transport = to(f"127.0.0.1:{port}")
        begun = time.monotonic()
        assert transport.send(batch(), 0.4).kind is Kind.RETRY
        assert time.monotonic() - begun < 3
        transport.close()


def test_a_server_that_comes_back_is_reached_at_once(server: Running) -> None:
    transport = to(server.target)
    assert transport.send(batch(), 5) == ACCEPTED
    server.stop()
    for _ in range(4):
        outcome = transport.send(batch(), 2)
        assert (outcome.kind, outcome.message[:11]) == (Kind.RETRY, "UNAVAILABLE")
    again = Running(port=server.port)
    assert transport.send(batch(), 2) == ACCEPTED
    transport.close()
    again.stop()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def secure(authority: Authority, *, asks: bool) -> Running:
    pair = authority.issue("server")
    chain = [(pair.key.read_bytes(), pair.certificate.read_bytes())]
    believed = authority.certificate.read_bytes() if asks else None
    return Running(grpc.ssl_server_credentials(chain, believed, require_client_auth=asks))


def test_tls(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    running = secure(authority, asks=False)
    for certificate, kind in ((authority.certificate, Kind.ACCEPTED), (other.certificate, Kind.RETRY)):
        transport = to(running.target, insecure=False, certificate=str(certificate))
        assert transport.send(batch(), 5).kind is kind
        transport.close()
    running.stop()


def test_the_client_shows_its_certificate(authority: Authority, tmp_path: Path) -> None:
    running, client = secure(authority, asks=True), authority.issue("client")
    both = tmp_path / "both.pem"
    both.write_bytes(client.certificate.read_bytes() + client.key.read_bytes())
    cases: list[tuple[dict[str, str], Kind]] = [
        ({"client_certificate": str(client.certificate), "client_key": str(client.key)}, Kind.ACCEPTED),
        ({"client_certificate": str(both)}, Kind.ACCEPTED),
        ({}, Kind.RETRY),
        ({"client_key": str(client.key)}, Kind.RETRY),
    ]
    for files, kind in cases:
        transport = to(running.target, insecure=False, certificate=str(authority.certificate), **files)
        assert transport.send(batch(), 5).kind is kind
        transport.close()
    running.stop()


def test_a_credential_provider(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running = secure(authority, asks=False)
    believed = authority.certificate.read_bytes()
    name = credential_provider.offer(tmp_path, monkeypatch, lambda: grpc.ssl_channel_credentials(believed))
    transport = to(running.target, insecure=False, credential_provider=name)
    assert transport.send(batch(), 5) == ACCEPTED
    transport.close()
    running.stop()


FORKING = """
import gzip, os, sys
from dbx_otel.delivery.batch import Batch
from dbx_otel.delivery.transport import Destination, Endpoint, make_transport
from dbx_otel.settings import Protocol

transport = make_transport(Destination("test", {"traces": Endpoint(sys.argv[1], Protocol.GRPC, insecure=True)}))
batch = Batch("traces", gzip.compress(b"x"), 1)

def tell():
    os.write(1, f"{os.getpid()} {transport.send(batch, 5).kind.value}\\n".encode())

tell()
pid = os.fork()
tell()
if pid == 0:
    os._exit(0)
status = os.waitpid(pid, 0)[1]
tell()
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_child_makes_its_own_channel(server: Running) -> None:
    environ = {**os.environ, "GRPC_ENABLE_FORK_SUPPORT": "1"}  # as dbx-otel-run sets it
    command = [sys.executable, "-c", FORKING, server.target]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=True)
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["accepted"] * 4
    assert len({line.split()[0] for line in done.stdout.splitlines()}) == 2
    assert len(server.services.calls) == 4
