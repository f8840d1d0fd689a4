# SPDX-License-Identifier: Apache-2.0
"""Metrics of ours and the app's, and exporters of other packages beside them."""

from typing import Any

from dbx_otel.delivery.delivery import Delivery
from dbx_otel.delivery.exiting import Flush
from dbx_otel.distro.destinations import exporters_by_entry_point
from dbx_otel.distro.light import meters
from dbx_otel.otlp.model import Resource
from dbx_otel.settings import Settings


def configure(settings: Settings, resource: Resource, delivery: Delivery | None) -> list[tuple[str, Flush]]:
    """Have metrics recorded and collected, where they go somewhere.

    Args:
        settings: The settings.
        resource: Where metrics come from.
        delivery: What sends them over OTLP; `None` where nothing is to be sent.

    Returns:
        What else to flush at exit.
    """
    sends = delivery is not None and delivery.takes("metrics")
    others = exporters_by_entry_point("metrics")
    if not sends and not others:
        meters.switch_off()
        return []
    collect = meters.configure(settings, resource, delivery.flush if delivery is not None else _nothing_to_send)
    if delivery is not None and sends:
        delivery.collect_metrics_with(collect)
    flushes: list[tuple[str, Flush]] = []
    for name, make in others:
        flushes.append((f"metrics for {name}", _add_exporter(make, name)))
    return flushes


def _nothing_to_send(_seconds: float) -> bool:
    return True


def _add_exporter(make: Any, name: str) -> Flush:
    """Have an exporter of the SDK's kind see all metrics, which are the SDK's from now on."""
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    from dbx_otel.delivery.deferred import DeferredMetricExporter
    from dbx_otel.metrics import preferences, sdk

    preferred, _ = preferences.load()
    exporter = DeferredMetricExporter(
        make, f"sending metrics to {name}", sdk.temporality(preferred), sdk.aggregation(preferred)
    )
    reader = PeriodicExportingMetricReader(exporter)
    provider: Any = metrics.get_meter_provider()
    provider.add_metric_reader(reader)
    return reader.force_flush
