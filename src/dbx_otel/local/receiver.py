# SPDX-License-Identifier: Apache-2.0
"""An embedded OTLP receiver: OTLP/HTTP and OTLP/gRPC into one store, for the demo, the console and tests."""

from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from dbx_otel.local.body import RefusedError
from dbx_otel.local.decode import Signal, answer
from dbx_otel.local.grpc_server import GrpcServer
from dbx_otel.local.http_server import HttpServer
from dbx_otel.local.records import Batch
from dbx_otel.local.store import Store

DEFAULT_MAX_BODY = 64 * 1024 * 1024
"""Largest request taken, in bytes, compressed and decompressed."""


class Receiver:
    """Listens while the `with` block runs.

    Args:
        http_port: Port of OTLP/HTTP; 0 takes a free one, None leaves it out.
        grpc_port: Port of OTLP/gRPC; likewise.
        host: Address to listen on.
        store: Where the records go; a new one by default.
        on_batch: Called with each request's records before they are stored and acknowledged, from the thread
            that received them. When it raises, nothing is stored and the sender is told to try again (503,
            UNAVAILABLE).
        max_body: Largest request in bytes, compressed and decompressed.

    Raises:
        OSError: On entering, when a port is taken; the text names it.
    """

    def __init__(
        self,
        *,
        http_port: int | None = 0,
        grpc_port: int | None = 0,
        host: str = "127.0.0.1",
        store: Store | None = None,
        on_batch: Callable[[Batch], None] | None = None,
        max_body: int = DEFAULT_MAX_BODY,
    ) -> None:
        self.store = store if store is not None else Store()
        self._on_batch = on_batch
        self._http = None if http_port is None else HttpServer(host, http_port, self.take, max_body)
        self._grpc = None if grpc_port is None else GrpcServer(host, grpc_port, self.take, max_body)

    def __enter__(self) -> Self:
        if self._http:
            self._http.start()
        try:
            if self._grpc:
                self._grpc.start()
        except BaseException:
            self._stop_http()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._grpc:
                self._grpc.stop()
        finally:
            self._stop_http()

    @property
    def http_endpoint(self) -> str:
        """Address for `OTEL_EXPORTER_OTLP_ENDPOINT` with the protocol http/protobuf or http/json."""
        if self._http is None:
            raise RuntimeError("this receiver was made without OTLP/HTTP (http_port=None)")
        return f"http://{self._http.address}"

    @property
    def grpc_endpoint(self) -> str:
        """Address for `OTEL_EXPORTER_OTLP_ENDPOINT` with the protocol grpc (clear text, as http:// says)."""
        if self._grpc is None:
            raise RuntimeError("this receiver was made without OTLP/gRPC (grpc_port=None)")
        return f"http://{self._grpc.address}"

    def environment(self, protocol: str = "http/protobuf") -> dict[str, str]:
        """Return the variables that point an OpenTelemetry SDK at this receiver."""
        endpoint = self.grpc_endpoint if protocol == "grpc" else self.http_endpoint
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}

    def take(self, signal: Signal, request: Any) -> Any:
        """Take one request message and return the response message.

        Raises:
            RefusedError: 503 when `on_batch` could not keep the records.
        """
        batch = signal.decode(request)
        if self._on_batch is not None:
            try:
                self._on_batch(batch)
            except Exception as error:
                text = f"the records could not be kept ({type(error).__name__}: {error}); send them again later"
                raise RefusedError(text, HTTPStatus.SERVICE_UNAVAILABLE) from error
        self.store.add(batch)
        return answer(signal, batch)

    def _stop_http(self) -> None:
        if self._http:
            self._http.stop()
