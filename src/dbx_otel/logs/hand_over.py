# SPDX-License-Identifier: Apache-2.0
"""The way back from the SDK: its log records become ours, to be sent as ours are. Importing this imports the SDK."""

from collections.abc import Callable

from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord

from dbx_otel.otlp.logs import from_sdk_log
from dbx_otel.otlp.model import LogRecord, Resource


class HandOver(LogRecordProcessor):
    """Hands on every record of a provider of the SDK.

    Args:
        on_emit: Takes them.
        resource: Where they come from; the SDK's resource does not follow a fork.
    """

    def __init__(self, on_emit: Callable[[LogRecord], None], resource: Resource) -> None:
        self._on_emit = on_emit
        self._resource = resource

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Hand a record on."""
        record = from_sdk_log(log_record)
        record.resource = self._resource
        self._on_emit(record)

    def shutdown(self) -> None:
        """Hold nothing, so nothing is to be released."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 -- the SDK's signature
        """Hold nothing, so nothing is to be sent."""
        return True
