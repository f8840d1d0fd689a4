# SPDX-License-Identifier: Apache-2.0
"""Where telemetry goes: where OpenTelemetry's own variables say, and to a second OTLP destination of the settings.

Nothing is sent by default. Outside an app with telemetry switched on, and without an endpoint of one's own, there is
nobody to send to: the specification's default of localhost would only fill the logs with refused connections.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dbx_otel.distro import otlp
from dbx_otel.settings import Settings

Make = Callable[[], Any]
"""Makes an exporter of one signal; may import much and may raise."""

SIGNALS = ("traces", "metrics", "logs")


class Destinations(NamedTuple):
    """By signal, what to make an exporter with, and the name that messages give its destination."""

    traces: list[tuple[str, Make]]
    metrics: list[tuple[str, Make]]
    logs: list[tuple[str, Make]]


def is_switched_off(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether OpenTelemetry's own switch, `OTEL_SDK_DISABLED`, is on.

    Args:
        environ: The environment.
    """
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def destinations(settings: Settings, environ: Mapping[str, str] = os.environ) -> tuple[Destinations, list[str]]:
    """Find the destinations of each signal.

    Args:
        settings: The settings.
        environ: The environment, for OpenTelemetry's variables.

    Returns:
        The destinations, and a line for each thing that cannot be done as asked.
    """
    found: dict[str, list[tuple[str, Make]]] = {}
    note = config_file_note(environ)
    notes = [note] if note else []
    for signal in SIGNALS:
        found[signal] = _from_environment(signal, environ, notes)
        if settings.otlp_endpoint is not None:
            found[signal].append(otlp.second_destination(signal, settings))
    return Destinations(**found), notes


def exporters_by_entry_point(signal: str, environ: Mapping[str, str] = os.environ) -> list[tuple[str, Make]]:
    """Return name and maker of each exporter of a signal but OTLP's: what packages offer by entry points.

    Args:
        signal: `traces`, `metrics` or `logs`.
        environ: The environment.
    """
    variable = _exporter_variable(signal)
    names = (name for name in exporter_names(signal, environ) if name != "otlp")
    return [(f"exporter {name!r} ({variable})", _by_entry_point(signal, name)) for name in names]


def exporter_names(signal: str, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the exporters of a signal by `OTEL_{TRACES,METRICS,LOGS}_EXPORTER`: `otlp` if there is an endpoint.

    Args:
        signal: `traces`, `metrics` or `logs`.
        environ: The environment.
    """
    names = [name.strip() for name in environ.get(_exporter_variable(signal), "").split(",") if name.strip()]
    if not names and otlp.has_endpoint(signal, environ):
        names = ["otlp"]
    return [name for name in dict.fromkeys(names) if name != "none"]


def config_file_note(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return a line where `OTEL_CONFIG_FILE` is set: it would be followed only in part.

    Args:
        environ: The environment.
    """
    file = environ.get("OTEL_CONFIG_FILE", "").strip()
    if not file:
        return None
    return (
        f"OTEL_CONFIG_FILE is {file!r}, which dbx-otel does not follow: it is configured by OTEL_* and DBX_OTEL_* "
        f"variables, which are used instead. Remedy: unset it, or run the app under opentelemetry-instrument"
    )


def _exporter_variable(signal: str) -> str:
    return f"OTEL_{signal.upper()}_EXPORTER"


def _from_environment(signal: str, environ: Mapping[str, str], notes: list[str]) -> list[tuple[str, Make]]:
    made: list[tuple[str, Make]] = []
    if "otlp" in exporter_names(signal, environ):
        made.append(otlp.first_destination(signal, environ, notes))
    return made + exporters_by_entry_point(signal, environ)


def _by_entry_point(signal: str, name: str) -> Make:
    def make() -> Any:
        from importlib.metadata import entry_points

        from opentelemetry.sdk.metrics.export import MetricReader

        group = f"opentelemetry_{signal}_exporter"
        for entry in entry_points(group=group, name=name):
            kind = entry.load()
            # Not made to find out: a reader that serves metrics begins to listen at once.
            if isinstance(kind, type) and issubclass(kind, MetricReader):
                raise TypeError(f"{name} is a metric reader, which dbx-otel does not support; use otlp")
            return kind()
        raise LookupError(f"no installed package offers it; installed are: {_installed(group)}")

    return make


def _installed(group: str) -> str:
    from importlib.metadata import entry_points

    return ", ".join(sorted({entry.name for entry in entry_points(group=group)})) or "none"
