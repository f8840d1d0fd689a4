# SPDX-License-Identifier: Apache-2.0
"""The light pipeline: spans, metrics and log records of ours behind OpenTelemetry's API, sent by `delivery`."""

import os
from functools import partial

from dbx_otel import diagnostics, semconv
from dbx_otel.delivery.delivery import Delivery
from dbx_otel.delivery.exiting import Flush, Left
from dbx_otel.delivery.transport.destination import Destination
from dbx_otel.distro import resource as resources
from dbx_otel.distro.apart import apart
from dbx_otel.distro.endpoints import otlp_destinations
from dbx_otel.distro.light import logs, metrics, traces
from dbx_otel.logs import pipeline
from dbx_otel.otlp.model import Resource
from dbx_otel.settings import Settings


def configure(settings: Settings) -> tuple[list[tuple[str, Flush]], Left | None]:
    """Set the global providers.

    Args:
        settings: The settings.

    Returns:
        What to flush at exit, one entry a destination and one for each exporter of another package; and what tells what
        has not been sent by then.
    """
    resource = resources.describe(settings)
    _follow_forks(resource)
    destinations, notes = otlp_destinations(settings)
    for note in notes:
        diagnostics.say(note)
    deliver = partial(_deliver, settings, destinations, resource)
    delivery = apart("all signals over OTLP", deliver) if destinations else None
    flushes: list[tuple[str, Flush]] = delivery.flushes() if delivery is not None else []
    flushes += apart("traces", partial(traces.configure, resource, delivery)) or []
    flushes += apart("metrics", partial(metrics.configure, settings, resource, delivery)) or []
    flushes += apart("log records over OTLP", partial(logs.configure, resource, delivery)) or []
    return flushes, delivery.left if delivery is not None else None


def _deliver(settings: Settings, destinations: list[Destination], resource: Resource) -> Delivery:
    from dbx_otel.delivery.spool import Spool
    from dbx_otel.delivery.spool.folder import default_folder

    folder = settings.spool_dir or default_folder(str(resource.attributes[semconv.SERVICE_NAME]))
    has_logs = any("logs" in destination.endpoints for destination in destinations)
    spool = Spool(folder, int(settings.spool_max_bytes)) if has_logs and settings.spool_max_bytes else None
    return Delivery(destinations, buffer_max_bytes=int(settings.buffer_max_bytes), spool=spool)


def _follow_forks(resource: Resource) -> None:
    """Say in log lines where they come from, and in a forked child that it is another process."""
    pipeline.set_resource(resource.attributes)

    def of_child() -> None:
        resources.renew(resource)
        pipeline.set_resource(resource.attributes)

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=of_child)
