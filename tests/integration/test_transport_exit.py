# SPDX-License-Identifier: Apache-2.0
"""A process that has sent nothing so far can still send when it ends."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from tests.support.otlp_server import HttpServer, http_server

AT_EXIT = """
import atexit, gzip, sys
from dbx_otel.delivery.batch import Batch
from dbx_otel.delivery.transport import Destination, Endpoint, make_transport
from dbx_otel.settings import Protocol

endpoint = Endpoint(sys.argv[1], Protocol(sys.argv[2]), insecure=True)
transport = make_transport(Destination("test", {"traces": endpoint}))
atexit.register(lambda: print(transport.send(Batch("traces", gzip.compress(b"x"), 1), 10)))
"""


def ended(url: str, protocol: str) -> str:
    command = [sys.executable, "-c", AT_EXIT, url, protocol]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server() as running:
        yield running


def test_http(server: HttpServer) -> None:
    assert "ACCEPTED" in ended(server.url(), "http/protobuf")
    assert len(server.requests) == 1


class Services(grpc.GenericRpcHandler):
    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take

    def service(self, _: Any) -> Any:
        def handle(body: bytes, _: Any) -> bytes:
            self._take(body)
            return b""

        return grpc.unary_unary_rpc_method_handler(handle)


def test_grpc() -> None:
    taken: list[bytes] = []
    running = grpc.server(ThreadPoolExecutor(1), [Services(taken.append)])
    port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    assert "ACCEPTED" in ended(f"127.0.0.1:{port}", "grpc")
    assert taken == [b"x"]
    running.stop(0).wait()
