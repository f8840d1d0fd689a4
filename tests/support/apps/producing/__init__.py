# SPDX-License-Identifier: Apache-2.0
"""Apps that make a span, a log record and a security record for each tag, and say so once they have."""

import logging
import os

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber, get_logger

EVENT = "security.test.request"

log = logging.getLogger("app")


def produce(tag: str) -> dict[str, str]:
    with trace.get_tracer("app").start_as_current_span(f"span {tag}"):
        log.info("log %s", tag)
        get_logger("app").emit(
            LogRecord(
                event_name=EVENT,
                severity_number=SeverityNumber.INFO,
                attributes={"audit.record.id": tag},
            )
        )
    return {"tag": tag, "pid": str(os.getpid())}
