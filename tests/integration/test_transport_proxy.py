# SPDX-License-Identifier: Apache-2.0
"""Through a real proxy, another process: plain requests, tunnels, passwords, exceptions."""

import gzip
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dbx_otel.delivery.batch import Batch
from dbx_otel.delivery.outcome import Kind, Outcome
from dbx_otel.delivery.transport import Destination, Endpoint, make_transport
from tests.support.certificates import Authority
from tests.support.otlp_server import HttpServer, http_server, raw_server

BATCH = Batch("traces", gzip.compress(b""), 1)
ACCEPTED = Outcome(Kind.ACCEPTED)


class Proxy:
    """The proxy; `lines` are the request lines that it has had."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "tests.support.forward_proxy", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        assert self.process.stdout
        self.address = f"127.0.0.1:{int(self.process.stdout.readline())}"
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def _read(self, lines: Any) -> None:
        self.lines.extend(line.strip() for line in lines)

    def end(self) -> list[str]:
        self.process.terminate()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout
        self.process.stdout.close()
        return self.lines


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Proxy]]:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    started: list[Proxy] = []

    def start(*arguments: str) -> Proxy:
        started.append(Proxy(*arguments))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end()


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server() as running:
        yield running


def send(url: str, *, timeout: float = 5, **more: Any) -> Outcome:
    transport = make_transport(Destination("test", {"traces": Endpoint(url, **more)}))
    outcome = transport.send(BATCH, timeout)
    transport.close()
    return outcome


def test_plain_requests_go_through_it(
    proxy: Callable[..., Proxy], server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = proxy()
    monkeypatch.setenv("HTTP_PROXY", running.address)
    assert send(server.url("user:canary@127.0.0.1"), headers={"x-api-key": "k"}) == ACCEPTED
    (request,) = server.requests
    assert request.headers["via"] == "1.1 test"
    assert request.headers["x-api-key"] == "k"
    assert running.end() == [f"POST {server.url()} HTTP/1.1"]


def test_tls_goes_through_a_tunnel(
    proxy: Callable[..., Proxy], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    running, authority = proxy("--user", "ada:p@ss"), Authority(tmp_path)
    monkeypatch.setenv("HTTPS_PROXY", f"http://ada:p%40ss@{running.address}")
    pair = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with http_server(context) as server:
        transport = make_transport(
            Destination("test", {"traces": Endpoint(server.url(), certificate=str(authority.certificate))})
        )
        assert [transport.send(BATCH, 5), transport.send(BATCH, 5)] == [ACCEPTED, ACCEPTED]
        transport.close()
        assert "proxy-authorization" not in server.requests[0].headers
        (line,) = running.end()
        assert line.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_password_that_it_does_not_take(
    scheme: str, proxy: Callable[..., Proxy], server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = proxy("--user", "ada:right")
    monkeypatch.setenv(f"{scheme}_proxy", f"http://ada:canary-wrong@{running.address}")
    outcome = send(server.url().replace("http:", f"{scheme}:"))
    assert server.requests == []
    assert "407" in outcome.message
    assert "canary" not in outcome.message
    # A request that the proxy answers is answered; a tunnel that it does not make is none.
    assert outcome.kind is (Kind.DENIED if scheme == "http" else Kind.RETRY)


@pytest.mark.parametrize("exception", ["127.0.0.0/8", "127.0.0.1", "*"])
def test_exceptions_are_reached_without_it(
    exception: str, proxy: Callable[..., Proxy], server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = proxy()
    monkeypatch.setenv("HTTP_PROXY", running.address)
    monkeypatch.setenv("NO_PROXY", exception)
    assert send(server.url()) == ACCEPTED
    assert running.end() == []


def test_a_proxy_that_is_not_there(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://user:canary@127.0.0.1:9")
    assert send(server.url()) == Outcome(Kind.RETRY, message="Connection refused")
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    assert send(server.url()) == Outcome(Kind.RETRY, message="a SOCKS proxy needs the package PySocks")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_drips(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(connection: Any) -> None:
        connection.recv(65536)
        for byte in b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    with raw_server(drip) as port:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{port}")
        begun = time.monotonic()
        assert send(f"{scheme}://collector.example/v1/traces", timeout=0.4) == Outcome(Kind.RETRY, message="timed out")
        assert time.monotonic() - begun < 3
