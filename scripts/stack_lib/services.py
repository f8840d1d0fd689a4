# SPDX-License-Identifier: Apache-2.0
"""How each program is started: with the files that compose uses too, and the variables that differ."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .components import program
from .paths import COLLECTOR
from .ports import HOST, Ports

COLLECTOR_CONFIG = COLLECTOR / "config.yaml"
BACKENDS = COLLECTOR / "backends"
JAEGER_CONFIG = BACKENDS / "jaeger.yaml"
JAEGER_UI = BACKENDS / "jaeger-ui.json"
PROMETHEUS_CONFIG = BACKENDS / "prometheus.yml"
LOKI_CONFIG = BACKENDS / "loki.yaml"

PROMETHEUS_FLAGS = (
    "--web.enable-otlp-receiver",
    "--enable-feature=exemplar-storage",
    "--storage.tsdb.retention.time=30d",
)
LOKI_FLAGS = ("-config.expand-env=true",)


@dataclass(frozen=True)
class Service:
    """A program to run.

    Attributes:
        name: what it is called in messages; its log is `<name>.log`.
        command: program and arguments.
        ready: URL that answers 200 once it works.
        environment: variables that its configuration file reads.
    """

    name: str
    command: tuple[str, ...]
    ready: str
    environment: Mapping[str, str] = field(default_factory=dict)


def services(ports: Ports, data: Path) -> list[Service]:
    """All programs of the stack, with their data below `data`; the collector comes last."""
    return [_jaeger(ports, data), _prometheus(ports, data), _loki(ports, data), _collector(ports, data)]


def _collector(ports: Ports, data: Path) -> Service:
    return Service(
        name="collector",
        command=(str(program("otelcol")), "--config", str(COLLECTOR_CONFIG)),
        ready=f"http://{HOST}:{ports.collector_health}",
        environment={
            "COLLECTOR_OTLP_GRPC_ENDPOINT": f"{HOST}:{ports.otlp_grpc}",
            "COLLECTOR_OTLP_HTTP_ENDPOINT": f"{HOST}:{ports.otlp_http}",
            "COLLECTOR_HEALTH_ENDPOINT": f"{HOST}:{ports.collector_health}",
            "COLLECTOR_METRICS_PORT": str(ports.collector_metrics),
            "COLLECTOR_STORAGE_DIRECTORY": str(data / "collector"),
            "COLLECTOR_JAEGER_ENDPOINT": f"{HOST}:{ports.jaeger_otlp}",
            "COLLECTOR_PROMETHEUS_ENDPOINT": f"http://{HOST}:{ports.prometheus}/api/v1/otlp",
            "COLLECTOR_LOKI_ENDPOINT": f"http://{HOST}:{ports.loki}/otlp",
        },
    )


def _jaeger(ports: Ports, data: Path) -> Service:
    return Service(
        name="jaeger",
        command=(str(program("jaeger")), "--config", str(JAEGER_CONFIG)),
        ready=f"http://{HOST}:{ports.jaeger_health}/status",
        environment={
            "JAEGER_HEALTH_ENDPOINT": f"{HOST}:{ports.jaeger_health}",
            "JAEGER_DATA_DIRECTORY": str(data / "jaeger"),
            "JAEGER_PROMETHEUS_ENDPOINT": f"http://{HOST}:{ports.prometheus}",
            "JAEGER_HTTP_ENDPOINT": f"{HOST}:{ports.jaeger}",
            "JAEGER_GRPC_ENDPOINT": f"{HOST}:{ports.jaeger_grpc}",
            "JAEGER_OTLP_GRPC_ENDPOINT": f"{HOST}:{ports.jaeger_otlp}",
            "JAEGER_METRICS_PORT": str(ports.jaeger_metrics),
            "JAEGER_UI_FILE": str(JAEGER_UI),
        },
    )


def _prometheus(ports: Ports, data: Path) -> Service:
    """Start from a link to the configuration: its `targets/*.yml` are looked up beside the link."""
    home = data / "prometheus"
    targets = home / "targets"
    targets.mkdir(parents=True, exist_ok=True)
    config = home / PROMETHEUS_CONFIG.name
    config.unlink(missing_ok=True)
    config.symlink_to(PROMETHEUS_CONFIG)
    (targets / "native.yml").write_text(json.dumps(_scrape_targets(ports)))
    return Service(
        name="prometheus",
        command=(
            str(program("prometheus")),
            f"--config.file={config}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address={HOST}:{ports.prometheus}",
            *PROMETHEUS_FLAGS,
        ),
        ready=f"http://{HOST}:{ports.prometheus}/-/ready",
    )


def _scrape_targets(ports: Ports) -> list[dict[str, object]]:
    scraped = {
        "collector": ports.collector_metrics,
        "jaeger": ports.jaeger_metrics,
        "loki": ports.loki,
        "prometheus": ports.prometheus,
    }
    return [{"targets": [f"{HOST}:{port}"], "labels": {"job": job}} for job, port in scraped.items()]


def _loki(ports: Ports, data: Path) -> Service:
    return Service(
        name="loki",
        command=(str(program("loki")), *LOKI_FLAGS, f"-config.file={LOKI_CONFIG}"),
        ready=f"http://{HOST}:{ports.loki}/ready",
        environment={
            "LOKI_LISTEN_ADDRESS": HOST,
            "LOKI_HTTP_PORT": str(ports.loki),
            "LOKI_GRPC_PORT": str(ports.loki_grpc),
            "LOKI_DATA_DIRECTORY": str(data / "loki"),
        },
    )
