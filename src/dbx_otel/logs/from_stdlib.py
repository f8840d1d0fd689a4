# SPDX-License-Identifier: Apache-2.0
"""A record of `logging` as a log event."""

import logging
import time
from typing import Any

from dbx_otel.logs import from_structlog
from dbx_otel.logs.fit import plain_text
from dbx_otel.logs.record import LogEvent
from dbx_otel.logs.severity import severity_number

DELIVERED = "_dbx_otel_delivered"
"""Attribute of a record that has been delivered; copies of it carry it too, into other threads and processes."""

_OF_EVERY_RECORD = frozenset(
    (
        *vars(logging.LogRecord("", 0, "", 0, "", None, None)),
        # Set by formatters.
        "message",
        "asctime",
        # Of Python 3.12 and later.
        "taskName",
        # The message once more with colours, by uvicorn.
        "color_message",
        # What structlog.stdlib.ProcessorFormatter needs.
        "_logger",
        "_name",
        DELIVERED,
    )
)
_PREFIX_OF_CORRELATION = "otel"  # otelTraceID and so on, by OpenTelemetry's instrumentation: the outlets know them


def is_delivered(record: logging.LogRecord) -> bool:
    """Tell whether structlog has delivered the event of a record already.

    Args:
        record: The record.
    """
    return isinstance(record.msg, from_structlog.Rendered) and record.msg.is_delivered


def message_of(record: logging.LogRecord) -> str:
    """Return the text of a record's message; without its values where they cannot be put in.

    Args:
        record: The record.
    """
    try:
        return record.getMessage()
    except Exception:
        # A wrong number of values, or a value whose __str__ raises: `logging` would print a traceback.
        return plain_text(record.msg)


def event_of(record: logging.LogRecord) -> LogEvent:
    """Return a record as a log event.

    Args:
        record: The record. Its message may be an event dict of structlog's, as `wrap_for_formatter` leaves it.
    """
    extra = {
        name: value
        for name, value in vars(record).items()
        if name not in _OF_EVERY_RECORD and not name.startswith(_PREFIX_OF_CORRELATION)
    }
    _add_place(record, extra)
    structured = _of_structlog(record)
    if structured is not None:
        told = from_structlog.TOLD_ELSEWHERE
        extra = {name: value for name, value in extra.items() if name not in told}
        structured.attributes = {**extra, **structured.attributes}
        structured.exception = structured.exception or _exception(record)
        return structured
    body, attributes = _body(record)
    attributes.update(extra)
    exception = _exception(record)
    if exception is None and record.exc_text:
        attributes["exception.stacktrace"] = record.exc_text  # the exception itself stayed in another process
    return LogEvent(
        timestamp=_timestamp(record),
        severity_number=severity_number(record.levelno),
        # Not `levelname`, which formatters are known to colour in place.
        severity_text=logging.getLevelName(record.levelno).upper(),
        body=body,
        logger=plain_text(record.name or ""),
        attributes=attributes,
        exception=exception,
        template=record.msg if isinstance(record.msg, str) else None,
    )


def _of_structlog(record: logging.LogRecord) -> LogEvent | None:
    """Return the event of a record that structlog has made."""
    if isinstance(record.msg, from_structlog.Rendered):
        return record.msg.event
    if isinstance(record.msg, dict) and hasattr(record, "_logger"):
        # By structlog.stdlib.ProcessorFormatter.wrap_for_formatter.
        method = getattr(record, "_name", record.levelname.lower())
        return from_structlog.event_of(record.msg, method, record.name, None)
    return None


def _body(record: logging.LogRecord) -> tuple[Any, dict[str, Any]]:
    if isinstance(record.msg, dict) and not record.args:
        return record.msg, {}
    try:
        return record.getMessage(), {}
    except Exception:
        # As in `message_of`; here nothing is to be lost.
        return plain_text(record.msg), {"logging.args": record.args}


def _exception(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if isinstance(record.exc_info, tuple) else None


def _add_place(record: logging.LogRecord, attributes: dict[str, Any]) -> None:
    """Add where the record was made (semantic conventions, "Source code" and "Thread" attributes)."""
    attributes["code.file.path"] = record.pathname
    attributes["code.line.number"] = record.lineno
    if record.funcName:
        attributes["code.function.name"] = record.funcName
    if record.stack_info:
        attributes["code.stacktrace"] = record.stack_info
    if record.thread is not None:
        attributes["thread.id"] = record.thread
        attributes["thread.name"] = record.threadName


def _timestamp(record: logging.LogRecord) -> int:
    try:
        return int(record.created * 1_000_000) * 1000
    except (TypeError, ValueError, OverflowError):
        # Made from a dict that came over a socket.
        return time.time_ns()
