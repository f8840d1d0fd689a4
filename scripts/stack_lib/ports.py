# SPDX-License-Identifier: Apache-2.0
"""The ports of the stack on 127.0.0.1, and the addresses that follow from them."""

import errno
import socket
from contextlib import ExitStack
from dataclasses import dataclass, fields

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """One port for each listener; the defaults are those that each program is known by.

    Jaeger's OTLP and metrics ports, which only the rest of the stack uses, make room for the collector's.
    """

    otlp_grpc: int = 4317
    otlp_http: int = 4318
    collector_health: int = 13133
    collector_metrics: int = 8888
    jaeger: int = 16686
    jaeger_grpc: int = 16685
    jaeger_otlp: int = 14317
    jaeger_health: int = 13132
    jaeger_metrics: int = 8887
    prometheus: int = 9090
    loki: int = 3100
    loki_grpc: int = 9095

    @classmethod
    def free(cls) -> "Ports":
        """Ports that nothing listens on now, all different."""
        names = [field.name for field in fields(cls)]
        with ExitStack() as sockets:
            held = [sockets.enter_context(socket.socket()) for _ in names]
            for one in held:
                one.bind((HOST, 0))
            return cls(**{name: one.getsockname()[1] for name, one in zip(names, held, strict=True)})

    def taken(self) -> dict[str, int]:
        """Ports, by name, that another program listens on."""
        return {field.name: port for field in fields(self) if _is_taken(port := getattr(self, field.name))}


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


@dataclass(frozen=True)
class Endpoints:
    """Where each part of the stack answers, as URLs without a slash at the end.

    Attributes:
        otlp_grpc: OTLP over gRPC, as `OTEL_EXPORTER_OTLP_ENDPOINT` takes it.
        otlp_http: OTLP over HTTP, without `/v1/traces`.
        jaeger: Jaeger's query API (`/api/traces/<id>`).
        prometheus: Prometheus' API (`/api/v1/query`).
        loki: Loki's API (`/loki/api/v1/query_range`).
        collector_health: 200 while the collector works.
        collector_metrics: the collector's own metrics, as Prometheus reads them.
    """

    otlp_grpc: str
    otlp_http: str
    jaeger: str
    prometheus: str
    loki: str
    collector_health: str
    collector_metrics: str

    @classmethod
    def of(cls, ports: Ports) -> "Endpoints":
        """Addresses of a stack on these ports."""
        return cls(
            otlp_grpc=_url(ports.otlp_grpc),
            otlp_http=_url(ports.otlp_http),
            jaeger=_url(ports.jaeger),
            prometheus=_url(ports.prometheus),
            loki=_url(ports.loki),
            collector_health=_url(ports.collector_health),
            collector_metrics=f"{_url(ports.collector_metrics)}/metrics",
        )


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"
