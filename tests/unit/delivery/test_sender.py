# SPDX-License-Identifier: Apache-2.0
"""A sender whose transport does what it must not: raise. Nothing is lost, and the thread lives on."""

import threading
import time
from typing import Any

import pytest

from dbx_otel.delivery import sender as module
from dbx_otel.delivery.batch import Batch
from dbx_otel.delivery.outcome import Kind, Outcome
from dbx_otel.delivery.sender import Sender
from dbx_otel.delivery.settlement import Settlement
from dbx_otel.delivery.transport import Destination, Endpoint
from tests.support.stand_in import eventually


class Transport:
    def __init__(self, *outcomes: Outcome | Exception) -> None:
        self.outcomes = list(outcomes)
        self.sent: list[Batch] = []
        self.threads: set[int] = set()
        self.is_closed = False

    def send(self, batch: Batch, timeout: float) -> Outcome:
        assert timeout > 0
        self.threads.add(threading.get_ident())
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome(Kind.ACCEPTED)
        if isinstance(outcome, Exception):
            raise outcome
        self.sent.append(batch)
        return outcome

    def close(self) -> None:
        self.is_closed = True


def make(transport: Any) -> Sender:
    destination = Destination("c", {"traces": Endpoint("http://c/v1/traces")})
    return Sender(destination, 1 << 20, Settlement(None), lambda _: transport, keeps_on_disk=False)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBX_OTEL_RUN_SAID", "")
    monkeypatch.setattr(module, "_AFTER_ERROR", 0.05)
    monkeypatch.setattr("dbx_otel.delivery.schedule._FIRST_WAIT", 0.05)


def batch() -> Batch:
    return Batch("traces", b"x", 1)


def test_a_transport_that_raises_is_tried_again() -> None:
    transport = Transport(ValueError("broken"), OSError("gone"))
    sender, one = make(transport), batch()
    sender.put(one)
    assert eventually(lambda: transport.sent == [one])
    assert eventually(sender.ring.is_empty)
    assert sender.tally.items() == [("traces", "", 1)]
    assert len(transport.threads) == 1
    sender.close()
    assert transport.is_closed


def test_a_transport_that_cannot_be_made_is_made_later() -> None:
    transport, attempts = Transport(), iter([True])

    def made(_: Any) -> Transport:
        if next(attempts, False):
            raise ValueError("not yet")
        return transport

    destination = Destination("c", {"traces": Endpoint("http://c/v1/traces")})
    sender, one = Sender(destination, 1 << 20, Settlement(None), made, keeps_on_disk=False), batch()
    sender.put(one)
    assert eventually(lambda: transport.sent == [one])
    sender.close()


def test_an_error_of_our_own_ends_neither_the_thread_nor_the_batch(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    transport = Transport()
    sender, one, apply, calls = make(transport), batch(), Sender._apply, iter([True])

    def fail_once(self: Sender, *arguments: Any, **more: Any) -> None:
        if next(calls, False):
            raise KeyError("a slip")
        apply(self, *arguments, **more)

    monkeypatch.setattr(Sender, "_apply", fail_once)
    sender.put(one)
    assert eventually(lambda: transport.sent == [one, one] and sender.ring.is_empty())
    assert "sending to c failed: KeyError: 'a slip'" in capfd.readouterr().err
    sender.close()


def test_waiting_for_a_destination_takes_no_more_than_there_is_time() -> None:
    sender = make(Transport(*[Outcome(Kind.RETRY, message="busy")] * 1000))
    sender.put(batch())
    begin = time.monotonic()
    assert not sender.drain(begin + 0.3)
    assert time.monotonic() - begin < 1.5
    sender.close()


def test_one_that_asks_to_wait_for_longer_than_there_is_time_is_not_waited_for() -> None:
    sender = make(Transport(*[Outcome(Kind.RETRY, retry_after=60.0, message="busy")] * 1000))
    sender.put(batch())
    begin = time.monotonic()
    assert not sender.drain(begin + 5)
    assert time.monotonic() - begin < 2
    sender.close()
