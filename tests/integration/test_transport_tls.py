# SPDX-License-Identifier: Apache-2.0
"""Whom the transport believes, and what it shows, against real TLS servers and with files as they may be."""

import gzip
import socket
import ssl
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from dbx_otel.delivery.batch import Batch, Signal
from dbx_otel.delivery.outcome import Kind, Outcome
from dbx_otel.delivery.transport import Destination, Endpoint, make_transport
from tests.support.certificates import Authority, Pair
from tests.support.otlp_server import HttpServer, http_server, raw_server

BATCH = Batch("traces", gzip.compress(b""), 1)
ACCEPTED = Outcome(Kind.ACCEPTED)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("other"), "other")


@pytest.fixture(scope="module")
def pair(authority: Authority) -> Pair:
    return authority.issue("server")


def context(pair: Pair) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pair.certificate, pair.key)
    return made


@pytest.fixture
def server(pair: Pair) -> Iterator[HttpServer]:
    with http_server(context(pair)) as running:
        yield running


@pytest.fixture
def asking(pair: Pair, authority: Authority) -> Iterator[HttpServer]:
    """A server that asks for the client's certificate."""
    made = context(pair)
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(authority.certificate)
    with http_server(made) as running:
        yield running


def send(url: str, *, timeout: float = 5, **more: Any) -> Outcome:
    transport = make_transport(Destination("test", {"traces": Endpoint(url, **more)}))
    outcome = transport.send(BATCH, timeout)
    transport.close()
    return outcome


def test_a_named_authority_is_believed(server: HttpServer, authority: Authority) -> None:
    assert send(server.url(), certificate=str(authority.certificate)) == ACCEPTED
    assert send(server.url("localhost"), certificate=str(authority.certificate)) == ACCEPTED


def test_a_folder_of_authorities_is_believed(server: HttpServer, authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(authority.certificate.read_bytes())
    subprocess.run(["openssl", "rehash", tmp_path], check=True, capture_output=True)
    assert send(server.url(), certificate=str(tmp_path)) == ACCEPTED


def test_another_authority_is_not_believed(server: HttpServer, other: Authority) -> None:
    for certificate in (str(other.certificate), None):
        outcome = send(server.url(), certificate=certificate)
        assert outcome.kind is Kind.RETRY
        assert outcome.message.startswith("certificate not accepted: ")
    assert server.requests == []


def test_another_host_is_not_believed(authority: Authority) -> None:
    with http_server(context(authority.issue("elsewhere", address="127.0.0.9"))) as elsewhere:
        outcome = send(elsewhere.url(), certificate=str(authority.certificate))
        assert outcome.kind is Kind.RETRY
        assert outcome.message.startswith("certificate not accepted: ")
        assert elsewhere.requests == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_authorities_of_the_environment(
    variable: str, server: HttpServer, authority: Authority, other: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(authority.certificate))
    assert send(server.url()) == ACCEPTED
    # What is named for this endpoint goes before them.
    assert send(server.url(), certificate=str(other.certificate)).kind is Kind.RETRY
    if variable != "SSL_CERT_FILE":
        assert requests.post(server.url(), data=b"x", timeout=5).ok


def test_ssl_cert_file_does_not_replace_what_requests_brings(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbx_otel.delivery.transport.tls import context_of

    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    assert context_of(Endpoint("https://h")).cert_store_stats()["x509_ca"] > 50


def test_a_server_of_tls_1_1_is_not_spoken_to(pair: Pair, authority: Authority) -> None:
    made = context(pair)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version, made.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    made.set_ciphers("ALL:@SECLEVEL=0")
    with http_server(made) as old:
        # It does serve clients of its time.
        assert shakes_hands(old.port, authority, made.maximum_version)
        outcome = send(old.url(), certificate=str(authority.certificate))
        assert outcome.kind is Kind.RETRY
        assert outcome.message.startswith("TLS failed: ")
        assert old.requests == []


def shakes_hands(port: int, authority: Authority, version: ssl.TLSVersion) -> bool:
    client = ssl.create_default_context(cafile=str(authority.certificate))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        client.minimum_version = client.maximum_version = version
    client.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        client.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
    ):
        return wrapped.version() == "TLSv1.1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_newer_versions_are_spoken(version: ssl.TLSVersion, pair: Pair, authority: Authority) -> None:
    made = context(pair)
    made.minimum_version = made.maximum_version = version
    with http_server(made) as running:
        assert send(running.url(), certificate=str(authority.certificate)) == ACCEPTED


def test_the_client_shows_its_certificate(asking: HttpServer, authority: Authority, tmp_path: Path) -> None:
    believed: dict[str, Any] = {"certificate": str(authority.certificate)}
    client = authority.issue("client")
    shown: dict[str, Any] = {"client_certificate": str(client.certificate), "client_key": str(client.key)}
    assert send(asking.url(), **believed, **shown) == ACCEPTED
    both = tmp_path / "both.pem"
    both.write_bytes(client.certificate.read_bytes() + client.key.read_bytes())
    assert send(asking.url(), **believed, client_certificate=str(both)) == ACCEPTED


def test_without_its_certificate_the_client_is_not_let_in(
    asking: HttpServer, authority: Authority, other: Authority
) -> None:
    believed: dict[str, Any] = {"certificate": str(authority.certificate)}
    stranger = other.issue("stranger")
    shown: dict[str, Any] = {"client_certificate": str(stranger.certificate), "client_key": str(stranger.key)}
    for outcome in (send(asking.url(), **believed), send(asking.url(), **believed, **shown)):
        assert outcome.kind is Kind.RETRY
        assert outcome.message
    assert asking.requests == []


def test_files_that_are_none_are_named(server: HttpServer, authority: Authority, tmp_path: Path) -> None:
    text, missing = tmp_path / "text.pem", tmp_path / "missing.pem"
    text.write_text("no certificate")
    client, locked = authority.issue("one"), authority.issue("locked", b"canary")
    cases: list[tuple[dict[str, Path], str]] = [
        ({"certificate": missing}, f"certificate authorities '{missing}': No such file or directory"),
        ({"certificate": text}, f"certificate authorities '{text}': not a certificate or key"),
        ({"client_certificate": missing}, f"client certificate '{missing}': No such file or directory"),
        ({"client_certificate": client.certificate, "client_key": text}, "not a certificate or key"),
        ({"client_certificate": client.certificate, "client_key": locked.key}, "has a password, which cannot be given"),
    ]
    for files, message in cases:
        more: dict[str, Any] = {
            name: str(path) for name, path in {"certificate": authority.certificate, **files}.items()
        }
        outcome = send(server.url(), **more)
        assert outcome.kind is Kind.RETRY
        # Paths of tests are long.
        assert message[:150] in outcome.message or outcome.message in message


def test_a_file_that_comes_later_is_taken(server: HttpServer, authority: Authority, tmp_path: Path) -> None:
    late = tmp_path / "late.pem"
    transport = make_transport(Destination("test", {"traces": Endpoint(server.url(), certificate=str(late))}))
    assert transport.send(BATCH, 5).kind is Kind.RETRY
    late.write_bytes(authority.certificate.read_bytes())
    assert transport.send(BATCH, 5) == ACCEPTED


def test_plain_text_on_the_other_side() -> None:
    with http_server() as plain:
        outcome = send(plain.url().replace("http:", "https:"))
    assert outcome.kind is Kind.RETRY
    assert outcome.message.startswith("TLS failed: ")


def test_a_handshake_without_end_ends(authority: Authority) -> None:
    def say_nothing(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with raw_server(say_nothing) as port:
        begun = time.monotonic()
        outcome = send(f"https://127.0.0.1:{port}/", timeout=0.4, certificate=str(authority.certificate))
        assert time.monotonic() - begun < 3
    assert outcome == Outcome(Kind.RETRY, message="timed out")


def test_a_handshake_can_be_ended_from_another_thread(authority: Authority) -> None:
    def say_nothing(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with raw_server(say_nothing) as port:
        endpoint = Endpoint(f"https://127.0.0.1:{port}/", certificate=str(authority.certificate))
        transport = make_transport(Destination("test", {"traces": endpoint}))
        threading.Timer(0.3, transport.close).start()
        begun = time.monotonic()
        assert transport.send(BATCH, 10).kind is Kind.RETRY
        assert time.monotonic() - begun < 3


def test_signals_with_and_without_tls(server: HttpServer, authority: Authority) -> None:
    with http_server() as plain:
        certificate = str(authority.certificate)
        endpoints: dict[Signal, Endpoint] = {
            "logs": Endpoint(plain.url(), certificate=certificate),
            "traces": Endpoint(server.url(), certificate=certificate),
        }
        transport = make_transport(Destination("test", endpoints))
        assert transport.send(Batch("logs", BATCH.body, 1), 5) == ACCEPTED
        assert transport.send(BATCH, 5) == ACCEPTED
        transport.close()


def test_a_drip_through_tls_ends(pair: Pair, authority: Authority) -> None:
    made = context(pair)

    def drip(connection: socket.socket) -> None:
        with made.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(65536)
            for byte in b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100:
                wrapped.sendall(bytes([byte]))
                time.sleep(0.05)

    with raw_server(drip) as port:
        begun = time.monotonic()
        outcome = send(f"https://127.0.0.1:{port}/", timeout=0.4, certificate=str(authority.certificate))
        assert time.monotonic() - begun < 3
    assert outcome == Outcome(Kind.RETRY, message="timed out")
