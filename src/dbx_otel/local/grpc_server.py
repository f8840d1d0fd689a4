# SPDX-License-Identifier: Apache-2.0
"""OTLP/gRPC on grpcio.

The three services are registered with raw bytes instead of the generated servicers, so that a body that is no
protobuf gets INVALID_ARGUMENT and a clear text; the generated ones answer "Exception deserializing request!".
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, Never

import grpc

from dbx_otel.local.body import RefusedError, from_protobuf
from dbx_otel.local.decode import SIGNALS, Signal

Take = Callable[[Signal, Any], Any]

_THREADS = 4
_GRACE = 1.0


class GrpcServer:
    """Serves OTLP/gRPC in clear text; `take` gets each request message and returns the response message."""

    def __init__(self, host: str, port: int, take: Take, max_body: int) -> None:
        self._host = host
        self._port = port
        self._take = take
        self._max_body = max_body
        self._server: grpc.Server | None = None

    @property
    def address(self) -> str:
        """Where it listens, `host:port`."""
        return f"{self._host}:{self._port}"

    def start(self) -> None:
        """Bind and serve.

        Raises:
            OSError: When the port is taken.
        """
        handlers = [self._service(signal) for signal in SIGNALS]
        # Without so_reuseport=0 a second server would share the port and each would get half of the requests.
        options = [("grpc.max_receive_message_length", self._max_body), ("grpc.so_reuseport", 0)]
        server = grpc.server(ThreadPoolExecutor(_THREADS, "otlp-grpc"), handlers, options=options)
        try:
            self._port = server.add_insecure_port(self.address)
        except RuntimeError:
            raise OSError(f"cannot listen on {self.address} for OTLP/gRPC; is the port taken?") from None
        server.start()
        self._server = server

    def stop(self) -> None:
        """Finish the running requests (1 s at most) and close."""
        if self._server is not None:
            self._server.stop(_GRACE).wait()
            self._server = None

    def _service(self, signal: Signal) -> grpc.GenericRpcHandler:
        def export(body: bytes, context: grpc.ServicerContext) -> Any:
            try:
                return self._take(signal, from_protobuf(body, signal.request()))
            except RefusedError as refused:
                _abort(context, refused)

        method: grpc.RpcMethodHandler[bytes, Any] = grpc.unary_unary_rpc_method_handler(
            export, response_serializer=lambda response: response.SerializeToString()
        )
        return grpc.method_handlers_generic_handler(signal.service, {"Export": method})


def _abort(context: grpc.ServicerContext, refused: RefusedError) -> Never:
    later = refused.status is HTTPStatus.SERVICE_UNAVAILABLE
    code = grpc.StatusCode.UNAVAILABLE if later else grpc.StatusCode.INVALID_ARGUMENT
    context.abort(code, str(refused))
