# SPDX-License-Identifier: Apache-2.0
"""How batches reach a destination: `make_transport(destination).send(batch, timeout)`.

What speaks a protocol is imported by the thread that sends, with the first batch: urllib3 or grpcio are nothing that a
start should wait for.
"""

import contextlib
import os
from typing import Protocol as Shape

from dbx_otel.delivery import import_guard
from dbx_otel.delivery.batch import Batch
from dbx_otel.delivery.outcome import Kind, Outcome
from dbx_otel.delivery.transport.destination import Destination, Endpoint
from dbx_otel.settings import Protocol

__all__ = ["Destination", "Endpoint", "Transport", "make_transport"]


class Sender(Shape):
    """What speaks one protocol with a destination."""

    def send(self, endpoint: Endpoint, batch: Batch, timeout: float) -> Outcome:
        """Send a batch within `timeout` seconds; may raise, which counts as a failure that may pass."""

    def close(self) -> None:
        """Give up what is being sent, and all connections; called from another thread."""


class Transport:
    """Sends batches to one destination, over connections that stay open.

    Args:
        destination: Where to.
    """

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._senders: dict[str, Sender] = {}
        self._pid = os.getpid()
        self._of_parent: list[dict[str, Sender]] = []
        self._closed = False

    def send(self, batch: Batch, timeout: float) -> Outcome:
        """Make one attempt to send a batch. Never raises.

        No telemetry is made of it, be it by our instrumentations or by OpenTelemetry's.

        Args:
            batch: What to send.
            timeout: Seconds it may take; the endpoint's own are the most. Only the resolution of the host's name, which
                the system offers no limit for, may take longer.

        Returns:
            What became of it. Failures that may pass are to be tried again: the network's, those that OTLP calls
            retryable, and those of a configuration that someone may mend, such as a certificate that is not there.
        """
        endpoint = self._destination.endpoints.get(batch.signal)
        if endpoint is None:
            return Outcome(Kind.REFUSED, message=f"takes no {batch.signal}")
        timeout = min(timeout, endpoint.timeout)
        if timeout <= 0 or self._closed:
            return Outcome(Kind.RETRY, message="closed" if self._closed else "no time left")
        try:
            return self._send(endpoint, batch, timeout)
        except Exception as error:
            # The thread that sends must live on.
            text = str(error) if isinstance(error, ImportError) else type(error).__name__
            return Outcome(Kind.RETRY, message=text)

    def close(self) -> None:
        """Give up what is being sent, and all connections; to be called from any thread. Never raises."""
        self._closed = True
        if self._pid != os.getpid():
            return
        for sender in list(self._senders.values()):
            with contextlib.suppress(Exception):  # one that cannot be closed goes with the process
                sender.close()

    def _send(self, endpoint: Endpoint, batch: Batch, timeout: float) -> Outcome:
        with import_guard.importing():
            from dbx_otel.delivery.transport import failures
            from dbx_otel.delivery.transport.suppressed import suppressed

            sender = self._sender(endpoint)
        try:
            with suppressed():
                outcome = sender.send(endpoint, batch, timeout)
        except Exception as error:
            outcome = Outcome(Kind.RETRY, message=failures.describe(error))
        if not outcome.message:
            return outcome
        return outcome._replace(message=failures.public(outcome.message, endpoint))

    def _sender(self, endpoint: Endpoint) -> Sender:
        if self._pid != os.getpid():
            # Connections are the parent's. They are neither used nor ended: gRPC would wait for threads that a forked
            # process does not have.
            self._of_parent.append(self._senders)
            self._senders, self._pid = {}, os.getpid()
        kind = _kind(endpoint)
        # Without a lock, which a fork might find locked: two threads may make one each, and use the same.
        return self._senders.get(kind) or self._senders.setdefault(kind, _make(kind))


def make_transport(destination: Destination) -> Transport:
    """Return the transport of a destination; nothing is imported or connected before the first batch.

    Args:
        destination: Where to.
    """
    return Transport(destination)


def _kind(endpoint: Endpoint) -> str:
    if endpoint.protocol is Protocol.GRPC:
        return "grpc"
    return "session" if endpoint.credential_provider else "http"


def _make(kind: str) -> Sender:
    if kind == "grpc":
        from dbx_otel.delivery.transport.grpc import GrpcSender

        return GrpcSender()
    if kind == "session":
        from dbx_otel.delivery.transport.session import SessionSender

        return SessionSender()
    from dbx_otel.delivery.transport.http import HttpSender

    return HttpSender()
