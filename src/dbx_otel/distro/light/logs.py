# SPDX-License-Identifier: Apache-2.0
"""Log records of ours, and exporters of other packages beside them."""

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import _logs
from opentelemetry.context import Context

from dbx_otel import identity
from dbx_otel.delivery.delivery import Delivery
from dbx_otel.delivery.exiting import Flush
from dbx_otel.distro import log_capture
from dbx_otel.distro.destinations import exporters_by_entry_point
from dbx_otel.logs import limits
from dbx_otel.logs.fit import PlainEvent
from dbx_otel.logs.otlp import LightOutlet, SdkOutlet
from dbx_otel.logs.provider import LoggerProvider
from dbx_otel.otlp.model import LogRecord, Resource

_NOBODY: Mapping[str, Any] = {}


def configure(resource: Resource, delivery: Delivery | None) -> list[tuple[str, Flush]]:
    """Set the global logger provider, where log records go somewhere.

    Args:
        resource: Where log records come from.
        delivery: What sends them over OTLP; `None` where nothing is to be sent.

    Returns:
        What else to flush at exit.
    """
    sends = delivery is not None and delivery.takes("logs")
    others = exporters_by_entry_point("logs")
    if not sends and not others:
        return []
    on_emit = delivery.offer_log if delivery is not None and sends else _drop
    limited = limits.from_environment()
    flush = delivery.flush if delivery is not None and sends else None
    provider = LoggerProvider(on_emit, resource, _person, limited, lambda: _make_sdk_provider(resource, on_emit), flush)
    _logs.set_logger_provider(provider)
    log_capture.send_to(_Outlet(provider, LightOutlet(on_emit, resource, _person, limited)))
    flushes: list[tuple[str, Flush]] = []
    for name, make in others:
        flushes.append((f"log records for {name}", _add_exporter(provider, make, name)))
    return flushes


class _Outlet:
    """Hands log events on: straight, or through the SDK once somebody has added a processor of its.

    Args:
        provider: The provider that knows.
        light: The straight way.
    """

    def __init__(self, provider: LoggerProvider, light: LightOutlet) -> None:
        self._provider = provider
        self._light = light
        self._of_sdk: SdkOutlet | None = None

    def emit(self, event: PlainEvent) -> None:
        """Take one event, made in the current context."""
        if self._provider.sdk_provider is None:
            self._light.emit(event)
            return
        if self._of_sdk is None:
            self._of_sdk = SdkOutlet(self._provider.sdk_provider)
        self._of_sdk.emit(event)


def _person(context: Context | None = None) -> Mapping[str, Any]:
    """Return the attributes of the person in a context."""
    person = identity.current(context)
    return person.attributes if person is not None else _NOBODY


def _drop(record: LogRecord) -> None:
    """Send nothing: only exporters of other packages are asked for."""


def _make_sdk_provider(resource: Resource, on_emit: Callable[[LogRecord], None]) -> Any:
    """Return a provider of the SDK whose records bear the person, and go where ours go."""
    from opentelemetry.sdk._logs import LoggerProvider as SdkLoggerProvider
    from opentelemetry.sdk.resources import Resource as SdkResource

    from dbx_otel.identity.processors import IdentityLogRecordProcessor
    from dbx_otel.logs.hand_over import HandOver

    provider = SdkLoggerProvider(SdkResource(dict(resource.attributes), resource.schema_url), shutdown_on_exit=False)
    provider.add_log_record_processor(IdentityLogRecordProcessor())
    provider.add_log_record_processor(HandOver(on_emit, resource))
    return provider


def _add_exporter(provider: LoggerProvider, make: Callable[[], Any], name: str) -> Flush:
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    from dbx_otel.delivery.deferred import DeferredLogExporter

    processor = BatchLogRecordProcessor(DeferredLogExporter(make, f"sending log records to {name}"))
    provider.add_log_record_processor(processor)
    return processor.force_flush
