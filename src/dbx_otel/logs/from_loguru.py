# SPDX-License-Identifier: Apache-2.0
"""A record of loguru as a log event."""

from collections.abc import Mapping
from typing import Any

from dbx_otel.logs.record import LogEvent
from dbx_otel.logs.severity import severity_number


def event_of(record: Mapping[str, Any]) -> LogEvent:
    """Return a record as a log event.

    Args:
        record: The record dict, as loguru gives it to filters and sinks.
    """
    level, thread, error = record["level"], record["thread"], record["exception"]
    return LogEvent(
        timestamp=int(record["time"].timestamp() * 1_000_000) * 1000,
        severity_number=severity_number(level.no),
        severity_text=level.name.upper(),
        body=record["message"],
        logger=record["name"] or "loguru",
        attributes={
            **record["extra"],
            "code.file.path": record["file"].path,
            "code.line.number": record["line"],
            "code.function.name": record["function"],
            "thread.id": thread.id,
            "thread.name": thread.name,
        },
        exception=error.value if error is not None else None,
    )
