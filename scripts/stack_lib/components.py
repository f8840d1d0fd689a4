# SPDX-License-Identifier: Apache-2.0
"""The programs of the stack, each with the Go module that it is built from."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from .paths import BUILDER_MANIFEST, cache_directory


@dataclass(frozen=True)
class Component:
    """One Go module and the programs that are built from it.

    Attributes:
        name: what the commands call it.
        module: path of the Go module.
        version: version of the module.
        programs: name of each program, with its package inside the module.
        tags: Go build tags.
        drop_replace: modules whose `replace` line is taken out of go.mod, because it points to a folder
            that a published module does not contain.
        manifest: manifest for the collector's builder; the module is then the builder itself.
        minutes: processor time of a first build, measured on two cores.
    """

    name: str
    module: str
    version: str
    programs: dict[str, str]
    tags: tuple[str, ...] = ()
    drop_replace: tuple[str, ...] = ()
    manifest: Path | None = None
    minutes: int = field(default=4, compare=False)

    @property
    def key(self) -> str:
        """Name of the cache folder: the version, and for the collector also what its manifest says."""
        if self.manifest is None:
            return f"{self.name}-{self.version}"
        lines = self.manifest.read_text().splitlines()
        said = "\n".join(line for line in lines if not line.startswith("#"))
        return f"{self.name}-{self.version}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"

    @property
    def directory(self) -> Path:
        """Cache folder of the built programs; it exists only once all of them are built."""
        return cache_directory() / self.key


PROMETHEUS = Component(
    name="prometheus",
    module="github.com/prometheus/prometheus",
    version="v0.316.0",
    programs={"prometheus": "./cmd/prometheus", "promtool": "./cmd/promtool"},
    tags=("remove_all_sd",),
)
JAEGER = Component(
    name="jaeger",
    module="github.com/jaegertracing/jaeger",
    version="v1.76.0",
    programs={"jaeger": "./cmd/jaeger"},
)
LOKI = Component(
    name="loki",
    module="github.com/grafana/loki/v3",
    version="v3.7.8",
    programs={"loki": "./cmd/loki"},
    drop_replace=("github.com/grafana/loki/pkg/push",),
)
OTELCOL = Component(
    name="otelcol",
    module="go.opentelemetry.io/collector/cmd/builder",
    version="v0.158.0",
    programs={"otelcol": "."},
    manifest=BUILDER_MANIFEST,
    minutes=5,
)
COMPOSE = Component(
    name="docker-compose",
    module="github.com/docker/compose/v2",
    version="v2.40.3",
    programs={"docker-compose": "./cmd"},
)

COMPONENTS = (PROMETHEUS, JAEGER, LOKI, OTELCOL, COMPOSE)
RUNNING = (OTELCOL, JAEGER, PROMETHEUS, LOKI)


def program(name: str) -> Path:
    """Path of a program of the stack.

    Raises:
        KeyError: no component has a program of that name.
    """
    for component in COMPONENTS:
        if name in component.programs:
            return component.directory / name
    raise KeyError(name)
