# SPDX-License-Identifier: Apache-2.0
"""A transport never raises, imports nothing before it sends, and keeps clear of its parent's connections."""

import gzip
import os
import subprocess
import sys

import pytest
from opentelemetry import context

from dbx_otel.delivery.batch import Batch
from dbx_otel.delivery.outcome import Kind, Outcome
from dbx_otel.delivery.transport import Destination, Endpoint, Transport, make_transport
from dbx_otel.delivery.transport.suppressed import suppressed
from dbx_otel.settings import Protocol

BATCH = Batch("traces", gzip.compress(b""), 1)


def to(endpoint: Endpoint) -> Transport:
    return make_transport(Destination("test", {"traces": endpoint}))


def test_a_signal_without_an_endpoint_is_refused() -> None:
    batch = Batch("logs", BATCH.body, 1)
    assert to(Endpoint("http://127.0.0.1:9")).send(batch, 1) == Outcome(Kind.REFUSED, message="takes no logs")


def test_nothing_is_sent_without_time_or_after_the_end() -> None:
    transport = to(Endpoint("http://127.0.0.1:9"))
    assert transport.send(BATCH, 0) == Outcome(Kind.RETRY, message="no time left")
    transport.close()
    transport.close()
    assert transport.send(BATCH, 1) == Outcome(Kind.RETRY, message="closed")


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        (Endpoint("http://127.0.0.1:9/v1/traces"), "Connection refused"),
        (Endpoint("http://[/v1/traces"), "ValueError"),
        (Endpoint("ftp://127.0.0.1"), "URLSchemeUnknown"),
        (Endpoint("https://127.0.0.1:9", certificate="/no/such.pem"), "No such file or directory"),
        (Endpoint("https://127.0.0.1:9", client_certificate="/no/such.pem"), "No such file or directory"),
        (Endpoint("http://127.0.0.1:9", headers={"x-key": "canary\r\nx: y"}), "ValueError"),
        (Endpoint("http://127.0.0.1:9", headers={"x-key": "canary-ž"}), "UnicodeEncodeError"),
        (Endpoint("http://127.0.0.1:9", credential_provider="nobody"), "'nobody' is not offered"),
        (Endpoint("127.0.0.1:9", Protocol.GRPC, insecure=True), "UNAVAILABLE: "),
        (Endpoint("127.0.0.1:9", Protocol.GRPC, certificate="/no/such.pem"), "No such file or directory"),
        (Endpoint("127.0.0.1:9", Protocol.GRPC, credential_provider="nobody"), "'nobody' is not offered"),
    ],
)
def test_what_cannot_be_sent_is_told_and_kept(endpoint: Endpoint, message: str) -> None:
    transport = to(endpoint)
    outcome = transport.send(BATCH, 2)
    transport.close()
    assert outcome.kind is Kind.RETRY
    assert message in outcome.message
    assert "canary" not in outcome.message


def test_a_body_that_is_none_does_not_end_the_thread() -> None:
    assert to(Endpoint("http://127.0.0.1:9", compression="none")).send(Batch("traces", b"x", 1), 1).kind is Kind.RETRY


def test_a_forked_child_makes_its_own() -> None:
    transport = to(Endpoint("http://127.0.0.1:9/v1/traces"))
    transport.send(BATCH, 1)
    (of_parent,) = transport._senders.values()
    pid = os.fork()
    if pid == 0:
        transport.send(BATCH, 1)
        (of_child,) = transport._senders.values()
        os._exit(0 if of_child is not of_parent and transport._of_parent == [{"http": of_parent}] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert list(transport._senders.values()) == [of_parent]


def test_no_telemetry_is_made_of_sending() -> None:
    from opentelemetry.instrumentation.utils import is_http_instrumentation_enabled, is_instrumentation_enabled

    with suppressed():
        assert not is_instrumentation_enabled()
        assert not is_http_instrumentation_enabled()
        assert context.get_value("suppress_instrumentation")
    assert is_instrumentation_enabled()
    assert is_http_instrumentation_enabled()


HEAVY = ("urllib3", "grpc", "requests", "ssl", "http.client", "email", "socket", "opentelemetry", "google", "asyncio")


def test_nothing_heavy_is_imported_before_the_first_batch() -> None:
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from dbx_otel.delivery.transport import *\n"
        "from dbx_otel.settings import Protocol\n"
        "make_transport(Destination('d', {'traces': Endpoint('h:1', Protocol.GRPC), 'logs': Endpoint('https://h')}))\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules and name not in before])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
