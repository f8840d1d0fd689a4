# SPDX-License-Identifier: Apache-2.0
"""Credentials that an installed package provides, by the entry points that OpenTelemetry's exporters look for."""

from importlib.metadata import entry_points
from typing import Any

from dbx_otel.delivery import import_guard
from dbx_otel.delivery.transport.failures import ConfigurationError

GROUP = "opentelemetry_otlp_credential_provider"


def provided(name: str, kind: type) -> Any:
    """Return what a provider provides.

    Args:
        name: Name of the entry point.
        kind: What it has to be: `requests.Session` with HTTP, `grpc.ChannelCredentials` with gRPC.

    Raises:
        ConfigurationError: No package offers it, or it is something else.
    """
    for entry in entry_points(group=GROUP, name=name):
        with import_guard.importing():
            provide = entry.load()
        made = provide()
        if not isinstance(made, kind):
            raise ConfigurationError(
                f"credential provider {name!r} gives {type(made).__name__} where {kind.__name__} is needed"
            )
        return made
    raise ConfigurationError(f"credential provider {name!r} is not offered by any installed package")
