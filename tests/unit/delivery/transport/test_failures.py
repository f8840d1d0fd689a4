# SPDX-License-Identifier: Apache-2.0
"""Failures are told in stable words, and no secret of the endpoint is among them."""

import socket
import ssl
from http.client import BadStatusLine, RemoteDisconnected

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ProtocolError, ProxyError

from dbx_otel.delivery.transport import Endpoint, failures
from dbx_otel.settings import Protocol

SECRETIVE = Endpoint(
    "https://user:canary%20pass@host/v1/traces?key=canary-query",
    headers={"authorization": "Bearer canary-token", "x-api-key": "canary-key", "x-short": "abc"},
)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (failures.ConfigurationError("file 'x' is not there"), "file 'x' is not there"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "no such host"),
        (TimeoutError(), "timed out"),
        (ProtocolError("aborted", RemoteDisconnected("by peer")), "connection closed without an answer"),
        (ProtocolError("Connection aborted.", BadStatusLine("canary")), "the answer is not HTTP"),
        (ProxyError("at <object at 0x7f>", OSError("Tunnel failed: 407 no")), "Tunnel failed: 407 no"),
        (ssl.SSLEOFError(8, "x"), "TLS failed: ssleoferror"),
        (ValueError("Invalid header value b'canary'"), "ValueError"),
        (UnicodeEncodeError("latin-1", "canary", 0, 1, "x"), "UnicodeEncodeError"),
    ],
)  # fmt: skip
def test_words(error: BaseException, words: str) -> None:
    assert failures.describe(error) == words


def test_the_cause_counts() -> None:
    error = RuntimeError("<object at 0x7f>")
    error.__cause__ = ConnectionResetError(104, "Connection reset by peer")
    assert failures.describe(error) == "Connection reset by peer"


def test_a_circle_of_causes_ends() -> None:
    one, two = RuntimeError("1"), RuntimeError("2")
    one.__cause__, two.__cause__ = two, one
    assert failures.describe(one) == "RuntimeError"


@pytest.mark.parametrize(
    "text",
    [
        "got authorization: Bearer canary-token",
        "canary-token is unknown",
        "x-api-key canary-key",
        "GET /v1/traces?key=canary-query",
        "user:canary%20pass@host",
        "password 'canary pass'",
    ],
)
def test_an_echo_shows_no_secret(text: str) -> None:
    assert "canary" not in failures.public(text, SECRETIVE)


def test_other_words_stay() -> None:
    assert failures.public("HTTP 400: abc of host", SECRETIVE) == "HTTP 400: abc of host"


@given(st.text())
def test_a_message_is_one_bounded_printable_line(text: str) -> None:
    line = failures.public(text * 50, SECRETIVE)
    assert len(line) <= 200
    assert line.isprintable()
    assert line == line.strip()


def test_what_grpc_says_of_an_address_shows_no_password() -> None:
    endpoint = Endpoint("me:canary1@collector:4317", Protocol.GRPC)
    assert (
        failures.public("errors resolving me:canary1@collector:4317", endpoint)
        == "errors resolving me:…@collector:4317"
    )
