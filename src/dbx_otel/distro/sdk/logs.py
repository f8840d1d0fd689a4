# SPDX-License-Identifier: Apache-2.0
"""Log records over OTLP by the SDK: identity on each, one batch queue a destination."""

from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from dbx_otel.delivery.deferred import DeferredLogExporter
from dbx_otel.delivery.exiting import Flush
from dbx_otel.distro import log_capture
from dbx_otel.distro.destinations import Destinations
from dbx_otel.identity.processors import IdentityLogRecordProcessor
from dbx_otel.logs.otlp import SdkOutlet


def configure(resource: Resource, destinations: Destinations) -> list[tuple[str, Flush]]:
    """Set the global logger provider, where log records go somewhere.

    Args:
        resource: Where log records come from.
        destinations: Where they go.

    Returns:
        What to flush at exit, one entry a destination.
    """
    if not destinations.logs:
        return []
    made = LoggerProvider(resource=resource, shutdown_on_exit=False)
    made.add_log_record_processor(IdentityLogRecordProcessor())
    flushes: list[tuple[str, Flush]] = []
    for name, make in destinations.logs:
        processor = BatchLogRecordProcessor(DeferredLogExporter(make, f"sending log records to {name}"))
        made.add_log_record_processor(processor)
        flushes.append((f"log records for {name}", processor.force_flush))
    _logs.set_logger_provider(made)
    log_capture.send_to(SdkOutlet(made))
    return flushes
