# SPDX-License-Identifier: Apache-2.0
"""OTLP over gRPC, on grpcio: requests are bytes already, so that no generated stubs are needed."""

import gzip
from pathlib import Path
from typing import Any

import grpc

from dbx_otel.delivery.batch import Batch
from dbx_otel.delivery.outcome import Outcome
from dbx_otel.delivery.transport import answers
from dbx_otel.delivery.transport.credentials import provided
from dbx_otel.delivery.transport.destination import USER_AGENT, Endpoint
from dbx_otel.delivery.transport.failures import ConfigurationError

_METHODS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_OPTIONS = (
    ("grpc.primary_user_agent", USER_AGENT),
    # A channel that is made anew connects at once, instead of waiting as long as the one before it would have.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", answers.LARGEST),
)
_NEW_CHANNEL_AFTER = frozenset((grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED))


class GrpcSender:
    """Sends batches over gRPC; signals with the same target share a channel."""

    def __init__(self) -> None:
        self._channels: dict[Any, grpc.Channel] = {}

    def send(self, endpoint: Endpoint, batch: Batch, timeout: float) -> Outcome:
        """Send a batch.

        Args:
            endpoint: Where to.
            batch: What.
            timeout: Seconds it may take.

        Raises:
            ConfigurationError: Certificates or credentials cannot be used.
        """
        channel = self._channel(endpoint)
        export: Any = channel.unary_unary(_METHODS[batch.signal])
        try:
            # Compressed by gRPC, in its frames: it has no way in for what is compressed already.
            answer = export(gzip.decompress(batch.body), timeout=timeout, metadata=tuple(endpoint.headers.items()))
        except grpc.RpcError as error:
            return self._failed(endpoint, channel, error)
        return answers.accepted(answer, batch.count)

    def close(self) -> None:
        """Give up what is being sent, and all channels."""
        for channel in list(self._channels.values()):
            channel.close()

    def _channel(self, endpoint: Endpoint) -> grpc.Channel:
        key = _key(endpoint)
        if key not in self._channels:
            self._channels[key] = _make_channel(endpoint)
        return self._channels[key]

    def _failed(self, endpoint: Endpoint, channel: grpc.Channel, error: Any) -> Outcome:
        code = error.code()
        if code in _NEW_CHANNEL_AFTER:
            # gRPC itself would wait up to two minutes before it connects again.
            self._channels.pop(_key(endpoint), None)
            channel.close()
        trailers = {item.key: item.value for item in error.trailing_metadata() or ()}
        return answers.of_grpc(code.name, error.details() or "", trailers)


def _key(endpoint: Endpoint) -> Any:
    certificates = (endpoint.certificate, endpoint.client_certificate, endpoint.client_key)
    return endpoint.url, endpoint.insecure, endpoint.compression, endpoint.credential_provider, certificates


def _make_channel(endpoint: Endpoint) -> grpc.Channel:
    compression = grpc.Compression.Gzip if endpoint.compression == "gzip" else grpc.Compression.NoCompression
    if endpoint.insecure:
        return grpc.insecure_channel(endpoint.url, options=_OPTIONS, compression=compression)
    return grpc.secure_channel(endpoint.url, _credentials(endpoint), options=_OPTIONS, compression=compression)


def _credentials(endpoint: Endpoint) -> grpc.ChannelCredentials:
    if endpoint.credential_provider:
        credentials: grpc.ChannelCredentials = provided(endpoint.credential_provider, grpc.ChannelCredentials)
        return credentials
    chain = _read(endpoint.client_certificate)
    # The key may stand in the file of the certificate; without a certificate there is no use for it.
    key = (_read(endpoint.client_key) or chain) if chain else None
    return grpc.ssl_channel_credentials(_read(endpoint.certificate), key, chain)


def _read(path: str | None) -> bytes | None:
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"certificate or key {path!r}: {error.strerror or type(error).__name__}") from None
