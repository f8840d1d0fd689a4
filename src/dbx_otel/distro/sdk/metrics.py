# SPDX-License-Identifier: Apache-2.0
"""Metrics of the `sdk` pipeline: of instrumentations, of the app, and of the process; never who."""

import os
import threading

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricsData, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from dbx_otel import diagnostics
from dbx_otel.delivery import exiting
from dbx_otel.delivery.deferred import DeferredMetricExporter
from dbx_otel.delivery.exiting import Flush
from dbx_otel.distro.destinations import Destinations
from dbx_otel.instrumentation import lifecycle
from dbx_otel.metrics import instruments, preferences, sdk

_PROCESS_METRICS: dict[str, list[str] | None] = {
    "process.cpu.time": ["user", "system"],
    "process.memory.usage": None,
    "process.memory.virtual": None,
    "process.thread.count": None,
    "process.open_file_descriptor.count": None,
    "process.context_switches": ["involuntary", "voluntary"],
    "cpython.gc.collections": None,
}
_PROCESS_SCOPE = "opentelemetry.instrumentation.system_metrics"
_SOON = 2.0
"""Seconds after which a process is worth observing."""


def configure(resource: Resource, destinations: Destinations, views: str | None = None) -> list[tuple[str, Flush]]:
    """Set the global meter provider, where metrics go somewhere.

    Args:
        resource: Where metrics come from.
        destinations: Where they go.
        views: The setting that names views.

    Returns:
        What to flush at exit, one entry a destination.
    """
    if not destinations.metrics:
        instruments.record_nothing()
        return []
    preferred, problems = preferences.load()
    for problem in problems:
        diagnostics.say(problem)
    readers = [
        PeriodicExportingMetricReader(
            DeferredMetricExporter(
                make,
                f"sending metrics to {name}",
                sdk.temporality(preferred),
                sdk.aggregation(preferred),
                _is_worth_an_exporter,
            )
        )
        for name, make in destinations.metrics
    ]
    provider = MeterProvider(
        metric_readers=readers,
        resource=resource,
        exemplar_filter=sdk.exemplar_filter(preferred),
        shutdown_on_exit=False,
        views=sdk.Views(views),
    )
    metrics.set_meter_provider(provider)
    instruments.record_through(provider)
    _observe_process_soon()
    names = [name for name, _ in destinations.metrics]
    return [(f"metrics for {name}", reader.force_flush) for name, reader in zip(names, readers, strict=True)]


def _is_worth_an_exporter(data: MetricsData) -> bool:
    """Tell whether metrics are worth making an exporter for, which takes a tenth of a second of processor time.

    At the end of a process that has lived too short a life to export any, how it was doing is not.
    """
    scopes = {scope.scope.name for resource in data.resource_metrics for scope in resource.scope_metrics}
    return not exiting.is_under_way() or scopes != {_PROCESS_SCOPE}


def _observe_process_soon() -> None:
    """Observe this process if it lives for a while, and each that is forked from it: what it takes costs start-up."""
    if lifecycle.disables("system-metrics"):
        return

    def wait() -> None:
        timer = threading.Timer(_SOON, _observe_process)
        timer.daemon = True
        timer.start()

    wait()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=wait)


def _observe_process() -> None:
    """Record processor time, memory, threads, files and garbage collection of this process."""
    try:
        from opentelemetry.instrumentation.system_metrics import SystemMetricsInstrumentor

        # There is one instrumentor; making it again has it look at this process, where that has been forked.
        instrumentor = SystemMetricsInstrumentor(config=_PROCESS_METRICS)
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument()
    except Exception as error:
        # Process metrics are a by-product.
        diagnostics.say(f"process metrics are off: {type(error).__name__}: {error}")
